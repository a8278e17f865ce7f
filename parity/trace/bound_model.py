"""One side of a pair, spoken to in the reference's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.adapters.protocol import Adapter, adapt
from parity.base.numerics import Array, Precision, is_float
from parity.base.rng import keyed
from parity.errors import CannotCompare, one_line
from parity.pair import Pair
from parity.trace.path_matching import match_modules, match_parameters


@dataclass(frozen=True)
class BoundModel:
    """A side and its names.

    Attributes:
        role: `reference` or `candidate`.
        adapter: the module in its framework.
        modules: own module path -> reference path, of the modules that both sides have.
        parameters, buffers: reference path -> own path.
    """

    role: str
    adapter: Adapter
    modules: Mapping[str, str]
    parameters: Mapping[str, str]
    buffers: Mapping[str, str]

    def load(
        self,
        weights: Mapping[str, Array],
        precision: Precision,
        given: Callable[[Array, str], Array] | None = None,
    ) -> None:
        """Set parameters and buffers, given by reference path, to copies in `precision`.

        Args:
            weights: by reference path.
            precision: of the floats among them.
            given: (array, name) -> copy, where they are to be changed on the way.
        """
        own = {**self.parameters, **self.buffers}
        copied = given or (
            lambda value, _: value.astype(precision) if is_float(value) else value.copy()
        )
        self.adapter.assign(
            {own[p]: copied(v, f"weight {p}") for p, v in weights.items() if p in own}
        )

    def leaves(self) -> set[str]:
        """Return the reference paths of modules below which no other is watched."""
        paths = set(self.modules.values())
        parents = {path[:i] for path in paths for i, c in enumerate(path) if c == "."}
        return paths - parents - ({""} if len(paths) > 1 else set())

    @contextmanager
    def running(self, precision: Precision, *, training: bool) -> Iterator[None]:
        """Run in a precision, and say which side it was if it raises.

        Raises:
            CannotCompare: the module raised.
        """
        try:
            with self.adapter.in_precision(precision, training=training):
                yield
        except CannotCompare:
            raise
        except Exception as error:
            raise CannotCompare(
                f"the {self.role} ({self.adapter.framework}) raised in {precision}: "
                f"{one_line(error)}"
            ) from error


def build(pair: Pair) -> tuple[BoundModel, BoundModel, dict[str, Array]]:
    """Build both sides; return them with the reference's own state, by path.

    Raises:
        CannotCompare: a builder raises or returns something else, or parameters have no partner.
    """
    reference = _adapted(pair, "reference")
    candidate = _adapted(pair, "candidate")
    theirs, shapes = _shapes(candidate.parameters()), _shapes(reference.parameters())
    spare = _shapes(candidate.buffers())
    both = {p: s for p, s in _shapes(reference.buffers()).items() if p in theirs}
    # A table that one framework calls a buffer is a trainable tensor in the other.
    parameters = match_parameters(shapes | both, theirs, pair.rename, known=spare)
    modules = match_modules(
        list(reference.modules()), list(candidate.modules()), pair.rename, parameters
    )
    buffers = _match_buffers(reference, spare, modules) | {p: parameters.pop(p) for p in both}
    state = {
        path: reference.to_numpy(tensor).copy()
        for path, tensor in {**reference.parameters(), **reference.buffers()}.items()
    }
    ours = BoundModel(
        "reference",
        reference,
        {p: p for p in modules},
        {p: p for p in parameters},
        {p: p for p in buffers},
    )
    back = {own: path for path, own in modules.items()}
    return ours, BoundModel("candidate", candidate, back, parameters, buffers), state


def _adapted(pair: Pair, role: str) -> Adapter:
    try:
        module: Any = getattr(pair, role)()
    except Exception as error:
        raise CannotCompare(
            f"pair {pair.name!r}: the {role}'s builder raised {one_line(error)}"
        ) from error
    return adapt(module)


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {path: tuple(tensor.shape) for path, tensor in tensors.items()}


def _match_buffers(
    reference: Adapter, spare: Mapping[str, tuple[int, ...]], modules: Mapping[str, str]
) -> dict[str, str]:
    """Pair buffers by name and shape; one that only one side keeps is that side's own affair."""
    found = {}
    for path, shape in _shapes(reference.buffers()).items():
        owner, _, name = path.rpartition(".")
        partner = ".".join(p for p in (modules.get(owner, owner), name) if p)
        if spare.get(partner) == shape:
            found[path] = partner
    return found


def randomize_constant_parameters(
    state: Mapping[str, Array], parameters: Mapping[str, str], seed: int
) -> dict[str, Array]:
    """Return weights fit for comparing, float32 values: no parameter is left constant.

    A zero-initialised layer hides everything before it, and its own gradient besides. So a constant
    parameter gets the spread of a usual initialisation, 1/sqrt(fan in). Constant buffers move by up
    to a tenth, upwards, for variances stay positive.
    """
    return {path: _moved(path, value, path in parameters, seed) for path, value in state.items()}


def _moved(path: str, value: Array, is_parameter: bool, seed: int) -> Array:
    if not is_float(value):
        return value
    value = value.astype(np.float32)
    if value.size == 0 or not np.all(value == value.flat[0]):
        return value
    rng = keyed(seed, "move", path)
    if not is_parameter:
        step = rng.uniform(0.02, 0.1, value.shape)
    else:
        fan_in = max(1, value.size // value.shape[0]) if value.ndim > 1 else 25
        step = rng.standard_normal(value.shape) / np.sqrt(fan_in)
    perturbed: Array = (value + step).astype(np.float32)
    return perturbed
