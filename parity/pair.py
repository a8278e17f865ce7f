"""What a user says is to be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from parity.base.numerics import Array
from parity.base.stress_inputs import STRESS_INPUTS
from parity.errors import CannotCompare

Loss = Callable[[Any], Any]
MakeOptimizer = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two modules that are meant to be the same function.

    Attributes:
        name: what the pair is called in reports.
        reference: () -> module; the side whose weights, inputs and paths count.
        candidate: () -> module, of the same or another framework.
        inputs: (generator) -> arrays, passed to both sides by keyword.
        rename: reference path -> candidate path, of modules or parameters, where names differ.
        training: the mode of both sides; gradients are compared in either mode.
        loss: (outputs) -> scalar, or one such function for each framework's name; None projects
            the outputs on fixed random directions.
        optimizer: framework's name -> (parameters) -> optimizer, to compare its steps too and,
            with a loss, free training. It has the framework's own interface: in PyTorch `step()`,
            in Jittor `step(loss)`.
        init: whether another distribution of initial weights fails too, or with `"exact"` any other
            initial weight; without it differences are only noted, for the weights are carried over
            and a port may well be filled later.
        allow: path -> reason, for places known not to be judgeable; they may ABSTAIN. An entry
            that matches nothing is refused.
        probes: names from `parity.base.stress_inputs.STRESS_INPUTS`; determinism is checked under
            the first.
    """

    name: str
    reference: Callable[[], Any]
    candidate: Callable[[], Any]
    inputs: Callable[[np.random.Generator], Mapping[str, Array]]
    rename: Mapping[str, str] = field(default_factory=dict)
    training: bool = False
    loss: Loss | Mapping[str, Loss] | None = None
    optimizer: Mapping[str, MakeOptimizer] | None = None
    init: bool | Literal["exact"] = False
    allow: Mapping[str, str] = field(default_factory=dict)
    stress_inputs: Sequence[str] = tuple(STRESS_INPUTS)

    def __post_init__(self) -> None:
        unknown = [name for name in self.stress_inputs if name not in STRESS_INPUTS]
        if unknown or not self.stress_inputs:
            raise CannotCompare(
                f"pair {self.name!r}: stress_inputs = {tuple(self.stress_inputs)!r} must be one or "
                f"more of {', '.join(STRESS_INPUTS)}"
            )

        if self.init not in (True, False, "exact"):
            raise CannotCompare(
                f"pair {self.name!r}: init = {self.init!r} must be True, False or 'exact'"
            )

    def loss_for(self, framework: str) -> Loss | None:
        """Return the loss function of a framework.

        Raises:
            CannotCompare: losses were given by framework and this one's is missing.
        """
        if self.loss is None or callable(self.loss):
            return self.loss
        if framework not in self.loss:
            raise CannotCompare(
                f"pair {self.name!r}: `loss` names {', '.join(self.loss)}, but not {framework}"
            )
        return self.loss[framework]

    def optimizer_for(self, framework: str) -> MakeOptimizer:
        """Return what builds a framework's optimizer.

        Raises:
            CannotCompare: there is none for it.
        """
        if self.optimizer is None or framework not in self.optimizer:
            named = ", ".join(self.optimizer or {}) or "none"
            raise CannotCompare(
                f"pair {self.name!r}: `optimizer` names {named}, but not {framework}"
            )
        return self.optimizer[framework]

    def draw_inputs(self, rng: np.random.Generator) -> dict[str, Array]:
        """Call `inputs` and check what it returns.

        Raises:
            CannotCompare: it returned anything but arrays by name, or an infinity or NaN.
        """
        drawn = self.inputs(rng)
        if not isinstance(drawn, Mapping) or not drawn:
            raise CannotCompare(
                f"pair {self.name!r}: inputs returned {type(drawn).__name__}: "
                "return a dict of NumPy arrays by keyword"
            )
        for name, array in drawn.items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
                raise CannotCompare(
                    f"pair {self.name!r}: input {name!r} is {type(array).__name__} "
                    f"{getattr(array, 'dtype', '')}: a float, integer or boolean NumPy array is "
                    "needed"
                )
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise CannotCompare(f"pair {self.name!r}: input {name!r} holds NaN or infinity")
        return dict(drawn)
