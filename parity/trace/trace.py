"""Runs of one side as data: the settings of a run, and the tensors that it leaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from parity.adapters.protocol import Family
from parity.base.numerics import Array, LowPrecision, Precision, in_precision, is_float
from parity.base.perturbation import Perturbation
from parity.base.stress_inputs import StressInput
from parity.nested.arguments import Arguments
from parity.nested.outputs import NO_STRUCTURE, OutputLeaf, Structure
from parity.trace.sites import Boundary, Tap, parent
from parity.trace.tensor_store import DistanceStore, TensorSink, TensorStore

# own: the framework draws. shared: numbers of the harness, the same for both sides. low, high: the
# ends of what can be drawn, to see what depends on the draws.
DrawsFrom = Literal["own", "shared", "low", "high"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Settings of one run of one side.

    Attributes:
        inputs: arguments of the call.
        weights: arrays by reference path; their floats are float32 values.
        precision: dtype of the run's floats.
        training: whether the module is in training mode, or else in evaluation mode.
        loss: (outputs) -> scalar tensor; None differentiates a random projection of the outputs.
        seed: of cotangents and dropout.
        stress_input: changes the input of every leaf module. Used by the teacher's run only, whose
            values the other runs are given.
        perturbation: changes inputs, weights and forced values; None leaves them alone.
        is_watched: whether random draws and casts inside the model are looked for. That costs time,
            and what one run of a side does not do, the others do not either.
        unstressed: paths of modules in which, and right below which, no input is stressed.
        unperturbed: likewise, where no value is perturbed.
        low: name of an array, as `prepare` is given it -> the low precision that the side keeps it
            in, in a float32 run.
        draws: where the framework's random numbers come from.
    """

    inputs: Arguments
    weights: Mapping[str, Array]
    precision: Precision
    training: bool
    loss: Callable[[Any], Any] | None
    seed: int
    stress_input: StressInput | None = None
    perturbation: Perturbation | None = None
    is_watched: bool = True
    unstressed: frozenset[str] = frozenset()
    unperturbed: frozenset[str] = frozenset()
    low: Mapping[str, LowPrecision] = field(default_factory=dict)
    draws: DrawsFrom = "own"

    def prepare(self, array: Array, name: str, low: LowPrecision | None = None) -> Array:
        """Return a copy of an array for this run: floats in its precision, and perturbed.

        Args:
            array: of any dtype.
            name: decides the random numbers of the perturbation.
            low: the tensor's own precision where `self.low` does not have it.
        """
        if self.perturbation is None or not is_float(array):
            return in_precision(array, self.precision)
        low = self.low.get(name, low)
        if low is None or self.precision == "float64":
            return self.perturbation(array, name)
        return self.perturbation(array, name, low)


# Kind of numbers, or the generator whose state has moved: the framework's, NumPy's or Python's.
Source = Family | Literal["generator", "numpy", "python"]


class Draw(NamedTuple):
    """One call of a random function.

    Attributes:
        source: of the numbers.
        size: how many; 0 where that is not known.
    """

    source: Source
    size: int


def is_beside(path: str, modules: frozenset[str]) -> bool:
    """Tell whether a module, or the one around it, is among some."""
    return bool(modules) and (path in modules or parent(path) in modules)


@dataclass
class Trace:
    """Tensors that one run leaves.

    Attributes:
        recorded: value that reached each tap, in order of execution.
        forced: value that was passed on in its place, floats as float32; only the teacher's trace
            has them.
        cotangent_draws: int8 draws of each tap's cotangent, see `parity.base.rng.cotangent`; only
            the teacher's trace has them.
        gradients: with respect to each tap's forced value, of the segments that read it; zeros
            where none flows.
        parameter_gradients: by reference path; zeros where none flows.
        buffers: value of each buffer after the run, by reference path.
        callers: path of the module that called each tap's module, `""` for the model itself.
        before: boundary that was met last before each tap.
        shapes: of the tensor that reached each tap.
        structure: of what the model returned; end to end only.
        outputs: places of what the model returned, without the tensors; of a list of calls only.
        draws: random draws of the framework, by the reference path of the module that draws.
        taps_before_draws: how many taps had been met before the first draw of such a module.
        epsilons: of the coarsest precision in which a module computes, by its path, where that is
            coarser than the run's.
        origin: key of the run, where it was recorded or comes from a record.
    """

    recorded: TensorSink[Tap] = field(default_factory=TensorStore)
    forced: TensorStore[Tap] = field(default_factory=TensorStore)
    cotangent_draws: TensorStore[Tap] = field(default_factory=TensorStore)
    gradients: TensorSink[Tap] = field(default_factory=TensorStore)
    parameter_gradients: TensorSink[str] = field(default_factory=TensorStore)
    buffers: TensorSink[str] = field(default_factory=TensorStore)
    callers: dict[Tap, str] = field(default_factory=dict)
    before: dict[Tap, Boundary] = field(default_factory=dict)
    shapes: dict[Tap, tuple[int, ...]] = field(default_factory=dict)
    structure: Structure = NO_STRUCTURE
    outputs: tuple[OutputLeaf, ...] = ()
    draws: dict[str, list[Draw]] = field(default_factory=dict)
    taps_before_draws: dict[str, int] = field(default_factory=dict)
    epsilons: dict[str, float] = field(default_factory=dict)
    origin: str = ""

    def note_draw(self, place: str, draw: Draw) -> None:
        """Add a draw of the module at a reference path."""
        self.taps_before_draws.setdefault(place, len(self.callers))
        self.draws.setdefault(place, []).append(draw)

    def precedes_draws(self, tap: Tap, place: str) -> bool:
        """Tell whether a tap was met before a module first drew, so that it cannot depend on it."""
        drawn_at = self.taps_before_draws.get(place)
        return drawn_at is None or tap in itertools.islice(self.callers, drawn_at)

    def distance_trace(self) -> Trace:
        """Return an empty trace that keeps each tensor's distance from the one in this trace."""
        return Trace(
            recorded=DistanceStore(self.recorded),
            gradients=DistanceStore(self.gradients),
            parameter_gradients=DistanceStore(self.parameter_gradients),
            buffers=DistanceStore(self.buffers),
        )
