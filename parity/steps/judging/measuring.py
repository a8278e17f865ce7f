"""From what a training step left to everything of it that is judged, in the order of events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from parity.base.numerics import Array, distance, finite, magnitude
from parity.base.rng import keyed
from parity.limits import FLOAT32_EPSILON, SHIFTS
from parity.steps import sites
from parity.steps.judging.reruns import indexed_steps, measured_model, measured_optimizer
from parity.steps.step_data import Measure, TrainingStep, joined, total
from parity.trace.sites import TensorSite

if TYPE_CHECKING:
    from parity.steps.loop.observer import StepObserver

Measures = dict[TensorSite, Measure]
# In the order in which things happen.
PHASES = (
    *("data", "forward", "loss", "backward"),
    *("clipping", "optimizer", "scheduler", "average"),
)
# Stands for a spread that could not be measured.
UNKNOWN = -1.0


def measure(step: TrainingStep, observer: StepObserver) -> None:
    """Fill `step.measures`; the models and optimizers are run again, and put back."""
    models: Measures = {}
    for model in observer.models.values():
        if step.calls_of(model.name):
            models |= measured_model(step, observer, model)
    optimizers: Measures = {}
    for index, taken in indexed_steps(step):
        optimizers |= measured_optimizer(step, observer, taken, index)
    found = {
        **_data(step),
        **models,
        **_losses(step),
        **_given_gradients(step, models),
        **_settings(step),
        **optimizers,
        **_averages(step),
    }
    phases = (
        "data",
        "forward",
        "loss",
        "backward",
        "clipping",
        "optimizer",
        "scheduler",
        "average",
    )
    step.measures = dict(sorted(found.items(), key=lambda item: phases.index(item[0].phase)))


def _data(step: TrainingStep) -> Measures:
    found: Measures = {}
    for number, batch in enumerate(step.batches):
        for label, array in batch.items():
            found[sites.batch(number, label)] = Measure(array)
    for number, call in step.numbered_calls():
        for label, array in call.arrived.items():
            found[sites.model_input(call.model, number, label)] = Measure(array)
        if call.training is not None:
            found[sites.mode(call.model, number)] = Measure(np.asarray(call.training))
    return found


def _losses(step: TrainingStep) -> Measures:
    """Return the loss of each step of an optimizer, and its gradient with respect to each output.

    A script may add losses up and go backward once, or go backward for each: the sum is judged.
    One-ulp changes of the outputs move the loss by their product with that gradient, and the
    gradient as the second derivative says.
    """
    found: Measures = {}
    for index, taken in indexed_steps(step):
        value = sum(float(step.passes[number].loss) for number in taken.passes)
        spread = max((abs(_first_order(step, taken.passes, n)) for n in range(SHIFTS)), default=0.0)
        reached = [c for c in step.calls if set(taken.passes) & set(c.cotangents)]
        terms = sum(array.size for call in reached for array in call.outputs.values())
        found[sites.loss(taken.optimizer, index)] = Measure(
            np.asarray(value, np.float32), spread32=finite(spread), terms=float(max(1, terms))
        )
    positions = {id(call): position for position, call in enumerate(step.calls)}
    for number, call in step.numbered_calls():
        for label in call.outputs:
            passes = list(call.cotangents)
            array = total(call.cotangents, passes, label)
            if array is None:
                continue
            spreads = [step.passes[p].spread for p in passes]
            key = positions[id(call)], label
            known = [s.get(key, 0.0) for s in spreads if s is not None]
            found[sites.output_gradient(call.model, number, label)] = Measure(
                array,
                spread32=finite(sum(known)) if len(known) == len(spreads) else UNKNOWN,
                epsilon=call.epsilon,
            )
    return found


def _first_order(step: TrainingStep, passes: list[int], trial: int) -> float:
    """Return how far one-ulp changes of all outputs move the loss of some backward passes."""
    moved = 0.0
    for position, call in enumerate(step.calls):
        for label, array in call.outputs.items():
            cotangent = total(call.cotangents, passes, label)
            if cotangent is None:
                continue
            output = array.astype(np.float64)
            signs = keyed("loss", trial, position, label).choice((-1.0, 1.0), output.shape)
            terms = output * signs * cotangent.reshape(output.shape).astype(np.float64)
            moved += float(terms.sum()) * FLOAT32_EPSILON
    return moved


def _given_gradients(step: TrainingStep, models: Measures) -> Measures:
    """Return the gradients that optimizers were given, which a script may have clipped or divided.

    Where they are not the recorded ones before that, they are rounded as the backward pass rounds.
    """
    found: Measures = {}
    for index, taken in indexed_steps(step):
        rounding = _rounding_of_norm(list(taken.gradients.values()))
        for path, array in taken.given.items():
            spread = magnitude(array) * rounding
            if not taken.is_forced:
                spread = max(spread, _own_rounding(models.get(sites.gradient(path, index))))
            found[sites.given_gradient(path, index)] = Measure(array, spread32=finite(spread))
    return found


def _own_rounding(gradient: Measure | None) -> float:
    if gradient is None or gradient.float64 is None:
        return 0.0
    return max(gradient.spread32, distance(gradient.float32, gradient.float64))


def _rounding_of_norm(gradients: list[Array]) -> float:
    """Return the relative error of their joint norm, summed in float32 one term after the other."""
    exact = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients))
    if not exact or not math.isfinite(exact):
        return 0.0
    single = np.float32(0)
    for gradient in gradients:
        if gradient.size:
            scaled = (gradient.reshape(-1) / np.float32(exact)).astype(np.float32)
            single += np.cumsum(scaled * scaled, dtype=np.float32)[-1]
    return abs(math.sqrt(float(single)) - 1)


def _settings(step: TrainingStep) -> Measures:
    found: Measures = {}
    for index, taken in indexed_steps(step):
        if taken.count is not None:
            found[sites.counted(taken.optimizer, index)] = Measure(np.asarray(taken.counted))
        for path, numbers in taken.settings.items():
            for name, value in numbers.items():
                found[sites.setting(path, name, index)] = Measure(np.asarray(value, np.float64))
    for rates in step.rates_after.values():
        for path, rate in rates.items():
            found[sites.rate_after(path)] = Measure(np.asarray(rate, np.float64))
    return found


def _averages(step: TrainingStep) -> Measures:
    """Return the averages; one is rounded as what it is made of."""
    weights: dict[str, Array] = {}
    for name, versions in step.weights.items():
        for arrays in versions:
            weights |= {joined(name, path): array for path, array in arrays.items()}
    found: Measures = {}
    for name, after in step.averages_after.items():
        before: Mapping[str, Array] = step.averages_before.get(name, {})
        for path, array in after.items():
            parts = [magnitude(a[path]) for a in (before, weights) if path in a]
            noise = max([*parts, magnitude(array)]) * FLOAT32_EPSILON / 2
            found[sites.average(name, path)] = Measure(array, spread32=finite(noise))
    return found
