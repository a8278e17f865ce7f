"""One side of a pair, addressed by the reference's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np

from parity.adapters.protocol import Adapter
from parity.base.numerics import Array, Precision, is_float
from parity.base.rng import keyed
from parity.errors import CannotCompare, RaisedInModule, SideRaised

Role = Literal["reference", "candidate"]


@dataclass(frozen=True)
class BoundModel:
    """A module, its adapter, and its names in the reference.

    Attributes:
        role: the side of the pair.
        adapter: of the module.
        modules: own module path -> reference path, of the modules that both sides have.
        parameters: reference path -> own path.
        buffers: likewise.
    """

    role: Role
    adapter: Adapter
    modules: Mapping[str, str]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]

    def load(
        self,
        weights: Mapping[str, Array],
        precision: Precision,
        prepare: Callable[[Array, str], Array] | None = None,
    ) -> None:
        """Set parameters and buffers to copies of arrays.

        Args:
            weights: by reference path; those that this side does not have are left out.
            precision: dtype of the copies of floats, if there is no `prepare`.
            prepare: (array, name) -> copy, in place of a plain copy.
        """

        def copied(value: Array, name: str) -> Array:
            if prepare is not None:
                return prepare(value, name)
            return value.astype(precision) if is_float(value) else value.copy()

        names = {**self.parameters, **self.buffers}
        self.adapter.assign(
            {
                names[path]: copied(value, f"weight {path}")
                for path, value in weights.items()
                if path in names
            }
        )

    def leaves(self) -> set[str]:
        """Return the reference paths of the modules that contain no other module of `modules`."""
        paths = set(self.modules.values())
        parents = {path[:i] for path in paths for i, c in enumerate(path) if c == "."}
        return paths - parents - ({""} if len(paths) > 1 else set())

    @contextmanager
    def running(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Prepare the module for a run in a precision and mode; undo it afterwards.

        Raises:
            SideRaised: the code inside the `with` block raised.
        """
        try:
            with self.adapter.in_precision(precision, training=training):
                yield
        except CannotCompare:
            raise
        except RaisedInModule as error:
            cause = error.__cause__ or error
            raise self._raised(precision, error.module, cause) from cause
        except Exception as error:
            raise self._raised(precision, "", error) from error

    def _raised(self, precision: Precision, module: str, cause: BaseException) -> SideRaised:
        return SideRaised(self.role, self.adapter.framework, precision, module, cause)


def randomize_constant_parameters(
    state: Mapping[str, Array], parameters: Mapping[str, str], seed: int
) -> dict[str, Array]:
    """Return weights under which faults show: float32, and no parameter constant.

    A layer initialised with zeros hides everything before it, and its own gradient too. So a
    constant parameter gets normal numbers with the standard deviation of a usual initialisation,
    1 / sqrt(fan in), added to it. Constant buffers grow by 0.02 to 0.1 per element, so that
    variances stay positive.

    Args:
        state: parameters and buffers by path; what is not float is returned as it is.
        parameters: contains the paths that are parameters.
        seed: of the random numbers, together with each path.
    """
    return {
        path: _randomized(path, value, path in parameters, seed) for path, value in state.items()
    }


def _randomized(path: str, value: Array, is_parameter: bool, seed: int) -> Array:
    if not is_float(value):
        return value
    value = value.astype(np.float32)
    if value.size == 0 or not np.all(value == value.flat[0]):
        return value
    rng = keyed(seed, "move", path)
    if is_parameter:
        fan_in = max(1, value.size // value.shape[0]) if value.ndim > 1 else 25
        step = rng.standard_normal(value.shape) / np.sqrt(fan_in)
    else:
        step = rng.uniform(0.02, 0.1, value.shape)
    randomized: Array = (value + step).astype(np.float32)
    return randomized
