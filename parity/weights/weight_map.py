"""A map of weights, checked to be one to one, and its way back for gradients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array, is_same_shape
from parity.errors import CannotCompare, one_line
from parity.weights import Weight, evaluate

Shapes = Mapping[str, tuple[int, ...]]


class WeightMap:
    """Takes weights from the reference to the candidate, and gradients back.

    Attributes:
        paths: the reference's parameters that are used.
        names: the candidate's parameters that are made of them.

    Args:
        weights: candidate path -> path, or function of paths, of the reference.
        reference: shapes by path.
        candidate: shapes by path.

    Raises:
        CannotCompare: a path is unknown, a shape differs, or an element is used twice or not at
            all.
    """

    def __init__(self, weights: Mapping[str, Weight], reference: Shapes, candidate: Shapes) -> None:
        self._reference = reference
        self._offsets: dict[str, int] = {}
        self._size = 0
        # Candidate path -> position of each element among all elements of the reference's.
        self._positions = {
            name: self._evaluated(name, weight, candidate) for name, weight in weights.items()
        }
        self.paths = list(self._offsets)
        self.names = list(self._positions)
        self._check()

    def to_candidate(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the candidate's arrays by its own paths, given the reference's."""
        flat = np.concatenate([arrays[path].ravel() for path in self.paths])
        return {name: flat[positions] for name, positions in self._positions.items()}

    def to_reference(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return the reference's arrays by path, given the candidate's."""
        flat = np.zeros(self._size, np.result_type(*arrays.values()))
        for name, positions in self._positions.items():
            flat[positions.ravel()] = arrays[name].ravel()
        return {
            path: flat[start : start + int(np.prod(self._reference[path]))].reshape(
                self._reference[path]
            )
            for path, start in self._offsets.items()
        }

    def _evaluated(self, name: str, weight: Weight, candidate: Shapes) -> Array:
        if name not in candidate:
            raise CannotCompare(f"weights: the candidate has no parameter {name!r}")
        try:
            positions = np.asarray(evaluate(weight, self._indices))
        except CannotCompare:
            raise
        except Exception as error:
            raise CannotCompare(f"weights: {name!r} cannot be made: {one_line(error)}") from error
        if not is_same_shape(positions.shape, candidate[name]):
            raise CannotCompare(
                f"weights: {name!r} is {candidate[name]} in the candidate, and what is made for it "
                f"is {positions.shape}"
            )
        return positions.reshape(candidate[name])

    def _indices(self, path: str) -> Array:
        if path not in self._reference:
            raise CannotCompare(f"weights: the reference has no parameter {path!r}")
        size = int(np.prod(self._reference[path]))
        if path not in self._offsets:
            self._offsets[path] = self._size
            self._size += size
        start = self._offsets[path]
        return np.arange(start, start + size).reshape(self._reference[path])

    def _check(self) -> None:
        uses = np.zeros(self._size, int)
        for positions in self._positions.values():
            np.add.at(uses, positions.ravel(), 1)
        for path, start in self._offsets.items():
            found = uses[start : start + int(np.prod(self._reference[path]))]
            if (found != 1).any():
                missing, again = int((found == 0).sum()), int((found > 1).sum())
                raise CannotCompare(
                    f"weights: of {path!r}, {missing} elements are used nowhere and {again} more "
                    "than once; each must be used exactly once"
                )
