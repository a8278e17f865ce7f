"""The description of a pair of modules, as a user writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal, NoReturn

import numpy as np

from parity.base.stress_inputs import STRESS_INPUTS
from parity.errors import CannotCompare, users_code
from parity.nested.arguments import Arguments, arguments_of
from parity.report.known_divergences import DIVERGENCES
from parity.weights import Weight

# (outputs) -> scalar tensor of the framework.
Loss = Callable[[Any], Any]
# (list of parameters) -> optimizer of the framework.
MakeOptimizer = Callable[[Any], Any]


def RECORDED_INPUTS(generator: np.random.Generator) -> NoReturn:  # noqa: N802 - a constant
    """Stand for the inputs of a record, in a pair that has none of its own."""
    raise CannotCompare("the pair has no inputs of its own, and training needs some: name a pair")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two modules that are meant to be the same function.

    Attributes:
        name: of the pair, in reports.
        reference: () -> module. Its weights are copied to the candidate, and its paths name what
            is reported.
        candidate: () -> module, of the same or another framework.
        inputs: (numpy.random.Generator) -> the arguments with which both modules are called: by
            keyword in a dict, by position in a tuple or list, or a single array. Arrays may be
            nested, of any float, complex, integer or boolean dtype, or tensors of a framework;
            numbers, texts and None are passed on as they are. NaN is refused.
        weights: candidate path -> path, or function from `parity.weights` of paths, of the
            reference, for parameters of another shape or number: fused, split, transposed.
        ignore: paths of candidate tensors, or patterns with `*`, that are no weights. An entry that
            matches nothing is refused.
        argument_names: argument of the reference -> its name in the candidate, where names differ.
            Without it, names that a side does not know are matched in order.
        rename: reference path -> candidate path, of modules or parameters, where names differ.
        training: whether both modules are in training mode; gradients are compared in either mode.
        loss: (outputs) -> scalar tensor, or framework's name -> such a function; None
            differentiates a random projection of the outputs.
        optimizer: framework's name -> ((parameters) -> optimizer), to compare optimizer steps as
            well and, if there is a loss, training. An optimizer has the framework's own interface:
            `step()` in PyTorch, `step(loss)` in Jittor.
        init: True fails if initial weights have another distribution, `"exact"` if any differs.
            False only notes differences: the comparison itself uses the reference's weights.
        allow: module path -> reason, of modules whose tensors may ABSTAIN. An entry that matches
            nothing is refused.
        accept: known divergence of the frameworks -> reason, of those that may stay; their names
            are in `parity.report.known_divergences.DIVERGENCES`. An entry that explains nothing is
            refused.
        random: what happens where the model draws random numbers of its own. None: tensors that
            depend on them ABSTAIN. `"shared"`: both sides are given the same numbers, and are
            judged as deterministic models. A draw on one side only is a difference either way.
        stress_inputs: names in `parity.base.stress_inputs.STRESS_INPUTS`; determinism is checked
            under the first.
        probes: the name of `stress_inputs` in version 0.1, accepted as a keyword.

    Raises:
        CannotCompare: `stress_inputs`, `init` or `random` has an unknown value, or a field is of
            another type.
    """

    name: str
    reference: Callable[[], Any]
    candidate: Callable[[], Any]
    inputs: Callable[[np.random.Generator], Any]
    rename: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, Weight] = field(default_factory=dict)
    ignore: Sequence[str] = ()
    argument_names: Mapping[str, str] = field(default_factory=dict)
    training: bool = False
    loss: Loss | Mapping[str, Loss] | None = None
    optimizer: Mapping[str, MakeOptimizer] | None = None
    init: bool | Literal["exact"] = False
    allow: Mapping[str, str] = field(default_factory=dict)
    accept: Mapping[str, str] = field(default_factory=dict)
    random: Literal["shared"] | None = None
    stress_inputs: Sequence[str] = tuple(STRESS_INPUTS)
    probes: InitVar[Sequence[str] | None] = None

    def __post_init__(self, probes: Sequence[str] | None) -> None:
        if probes is not None:
            object.__setattr__(self, "stress_inputs", probes)
        self._require_types()
        unknown = [name for name in self.stress_inputs if name not in STRESS_INPUTS]
        if unknown or not self.stress_inputs:
            raise CannotCompare(
                f"pair {self.name!r}: stress_inputs = {tuple(self.stress_inputs)!s:.80} must be "
                f"one or more of {', '.join(STRESS_INPUTS)}"
            )
        for name in self.accept:
            if name not in DIVERGENCES:
                raise CannotCompare(
                    f"pair {self.name!r}: accept names {name!r}, which is no known divergence; "
                    f"there are {', '.join(DIVERGENCES)}"
                )
        if self.random not in (None, "shared"):
            raise CannotCompare(
                f"pair {self.name!r}: random = {self.random!r} must be None or 'shared'"
            )
        if self.init not in (True, False, "exact"):
            raise CannotCompare(
                f"pair {self.name!r}: init = {self.init!r} must be True, False or 'exact'"
            )

    def _require_types(self) -> None:
        """Refuse fields of another type, which would fail later, or do nothing in silence."""
        if not isinstance(self.name, str):
            raise CannotCompare(f"a pair's name = {str(self.name)[:40]!r} must be a text")
        for field_name in ("rename", "argument_names", "allow", "accept", "weights"):
            entries = getattr(self, field_name)
            is_mapping = isinstance(entries, Mapping) and all(isinstance(k, str) for k in entries)
            texts = field_name == "weights" or (
                is_mapping and all(isinstance(value, str) for value in entries.values())
            )
            if not is_mapping or not texts:
                raise CannotCompare(
                    f"pair {self.name!r}: {field_name} = {str(entries)[:40]!r} must be a dict from"
                    " text to text"
                )
        for field_name in ("ignore", "stress_inputs"):
            names = getattr(self, field_name)
            is_list = isinstance(names, Sequence) and not isinstance(names, str)
            if not is_list or not all(isinstance(name, str) for name in names):
                raise CannotCompare(
                    f"pair {self.name!r}: {field_name} = {str(names)[:40]!r} must be a list of"
                    " texts"
                )

    def loss_for(self, framework: str) -> Loss | None:
        """Return the loss function of a framework, or None.

        Raises:
            CannotCompare: there is one for other frameworks, and none for this.
        """
        if self.loss is None or callable(self.loss):
            return self.loss
        if framework not in self.loss:
            raise CannotCompare(
                f"pair {self.name!r}: `loss` names {', '.join(self.loss)}, but not {framework}"
            )
        return self.loss[framework]

    def optimizer_for(self, framework: str) -> MakeOptimizer:
        """Return the function that builds a framework's optimizer.

        Raises:
            CannotCompare: there is none for this framework.
        """
        if self.optimizer is None or framework not in self.optimizer:
            named = ", ".join(self.optimizer or {}) or "none"
            raise CannotCompare(
                f"pair {self.name!r}: `optimizer` names {named}, but not {framework}"
            )
        return self.optimizer[framework]

    def draw_inputs(self, rng: np.random.Generator) -> Arguments:
        """Return the arguments that `inputs` gives.

        Raises:
            CannotCompare: `inputs` raised, or returned something that both sides cannot be given.
        """
        with users_code(f"pair {self.name!r}: inputs"):
            drawn = self.inputs(rng)
        try:
            return arguments_of(drawn)
        except CannotCompare as error:
            raise CannotCompare(f"pair {self.name!r}: {error}") from error
