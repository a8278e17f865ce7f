"""One training step as data: the tensors that it leaves, the same on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from parity.base.numerics import Array
from parity.limits import FLOAT32_EPSILON
from parity.trace.sites import TensorSite

# Arrays by label, name or path.
Arrays = dict[str, Array]
# Kinds of random numbers: `uniform` in [0, 1), `normal` of mean 0 and standard deviation 1,
# `integers`, `permutation`, `dropout`, and the names of other functions that draw.
DrawFamily = str


@dataclass
class Call:
    """One call of a model.

    Attributes:
        model: its name.
        version: of its weights; they are others after each step of an optimizer, and where the
            script itself has changed them.
        arrived_weights: parameters as the script left them, where they were not those of the
            version before, or where the recorded ones were put in their place.
        training: whether it was in training mode; None where it has no mode.
        arrived: tensors that the script gave it, by label.
        inputs: those that it computed with; another side's may have been put in their place.
        outputs: what it returned.
        cotangents: of each backward pass that reached the call, by its number: the gradient of the
            loss with respect to each output.
        passed_on: those that were passed on into the model, likewise.
        epsilon: of the coarsest precision in which it computed.
    """

    model: str
    version: int
    training: bool | None
    arrived: Arrays = field(default_factory=dict)
    inputs: Arrays = field(default_factory=dict)
    outputs: Arrays = field(default_factory=dict)
    cotangents: dict[int, Arrays] = field(default_factory=dict)
    passed_on: dict[int, Arrays] = field(default_factory=dict)
    epsilon: float = FLOAT32_EPSILON
    arrived_weights: Arrays = field(default_factory=dict)


@dataclass
class BackwardPass:
    """One backward pass.

    Attributes:
        loss: its value, shape ().
        spread: by how much one-ulp changes of the outputs move their gradients, by (number of the
            call, label); None where that could not be computed.
    """

    loss: Array
    spread: dict[tuple[int, str], float] | None = None


@dataclass
class OptimizerStep:
    """One step of an optimizer; arrays by the reference's path of a parameter.

    Attributes:
        optimizer: its name.
        passes: numbers of the backward passes whose gradients it was to use.
        gradients: what these passes added up to.
        given: the gradients that the script gave it.
        used: those that it used; another side's may have been put in their place.
        settings: of each parameter, such as its learning rate.
        rates: the learning rates that it used.
        is_forced: whether its gradients were set to the recorded ones after the last backward pass,
            so that what the script then did to them is judged by itself.
        is_stale: whether its gradients were not zero before the first of its backward passes.
        count: number of the step, from 1, by its own counting; None where it does not matter.
        counted: by how much that number has grown since the last step.
        before, after: its state, such as `exp_avg`, by name and path.
        weights_before, weights_after: the parameters.
    """

    optimizer: str
    passes: list[int]
    gradients: Arrays
    given: Arrays
    used: Arrays
    settings: dict[str, dict[str, float]]
    rates: dict[str, float]
    count: int | None
    counted: int
    before: dict[str, Arrays]
    after: dict[str, Arrays]
    weights_before: Arrays
    weights_after: Arrays
    is_forced: bool = True
    is_stale: bool = False


class Measure(NamedTuple):
    """One tensor of a side, and what moves it.

    Attributes:
        float32: as the user's own run left it.
        float64: of a run of the harness in that precision; None where only the user's script could
            compute it.
        spread32, spread64: largest change in each precision that one-ulp changes cause.
        epsilon: of the coarsest precision in which it is computed.
        terms: largest number of terms summed into an element.
        is_random: whether two equal runs of the harness leave other values.
    """

    float32: Array
    float64: Array | None = None
    spread32: float = 0.0
    spread64: float = 0.0
    epsilon: float = FLOAT32_EPSILON
    terms: float = 1.0
    is_random: bool = False


@dataclass
class TrainingStep:
    """One training step: it ends when every optimizer has taken a step.

    What follows, until the next batch or call of a model, belongs to it: schedulers and averages.

    Attributes:
        number: of the step, from 0.
        batches: tensors of each batch that was taken, by label.
        draws: random numbers that the script, or dropout, drew, in order.
        calls: of models.
        passes: backward passes.
        optimizer_steps: of optimizers.
        weights: of each model, by version; parameters only after the first.
        weights_end: of each model, at the end: parameters as the script left them.
        buffers_after: of each model.
        averages_before, averages_after: of each average of the weights.
        rates_after: learning rates at the end, of each optimizer by path.
        not_run_again: models and optimizers that the harness could not run again, and why.
        measures: everything that is judged, in the order in which it happened.
    """

    number: int
    batches: list[Arrays] = field(default_factory=list)
    draws: list[tuple[DrawFamily, Array]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    passes: list[BackwardPass] = field(default_factory=list)
    optimizer_steps: list[OptimizerStep] = field(default_factory=list)
    weights: dict[str, list[Arrays]] = field(default_factory=dict)
    weights_end: dict[str, Arrays] = field(default_factory=dict)
    buffers_after: dict[str, Arrays] = field(default_factory=dict)
    averages_before: dict[str, Arrays] = field(default_factory=dict)
    averages_after: dict[str, Arrays] = field(default_factory=dict)
    rates_after: dict[str, dict[str, float]] = field(default_factory=dict)
    not_run_again: list[str] = field(default_factory=list)
    measures: dict[TensorSite, Measure] = field(default_factory=dict)

    def calls_of(self, model: str) -> list[Call]:
        """Return the calls of one model, in order."""
        return [call for call in self.calls if call.model == model]

    def steps_of(self, optimizer: str) -> list[OptimizerStep]:
        """Return the steps of one optimizer, in order."""
        return [step for step in self.optimizer_steps if step.optimizer == optimizer]

    def numbered_calls(self) -> Iterator[tuple[int, Call]]:
        """Yield every call with its number among the calls of its model."""
        counts: dict[str, int] = {}
        for call in self.calls:
            number = counts.get(call.model, 0)
            counts[call.model] = number + 1
            yield number, call


def joined(name: str, path: str) -> str:
    """Return a path with the name of its model before it, `""` for the only one."""
    return ".".join(part for part in (name, path) if part)


def rates_of(settings: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the learning rate of each parameter."""
    return {path: numbers["lr"] for path, numbers in settings.items() if "lr" in numbers}


def total(arrays: Mapping[int, Arrays], passes: list[int], label: str) -> Array | None:
    """Return the sum of one tensor's cotangents over some passes; None where none reached it."""
    found = [arrays[p][label] for p in passes if p in arrays and label in arrays[p]]
    if not found:
        return None
    # Sums of arrays without a dimension are no arrays.
    result: Array = np.asarray(np.sum([array.astype(np.float64) for array in found], axis=0))
    return result.astype(found[0].dtype)
