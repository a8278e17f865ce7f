"""Runs a kept step again, in both precisions and on shifted numbers: what rounding explains.

The user's loop runs once. What its models and optimizers computed is run again by the harness, on
the same weights, inputs and gradients, and everything is put back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from parity.base.numerics import (
    Array,
    Precision,
    distance,
    finite,
    in_precision,
    is_float,
    magnitude,
)
from parity.base.perturbation import Perturbation
from parity.errors import one_line
from parity.limits import FLOAT32_EPSILON, K
from parity.noise.noise_profile import NoiseProfile
from parity.noise.side_runner import FunctionRunner
from parity.steps import sites
from parity.steps.loop.watched_model import WatchedModel, output_tensors
from parity.steps.step_data import Call, Measure, OptimizerStep, TrainingStep, joined, total
from parity.trace.restoring import everything_put_back, keep
from parity.trace.sites import TensorSite

if TYPE_CHECKING:
    from parity.steps.loop.observer import StepObserver

Values = dict[TensorSite, Array]


def measured(
    as_run: Values, run: Any, epsilons: Mapping[TensorSite, float], seed: int
) -> dict[TensorSite, Measure]:
    """Return what the user's run left, with what the harness's own runs say of it.

    Where these do not leave what the user's run left, the script did more than the harness knows,
    a penalty on the weights for example; then they say nothing.

    Args:
        as_run: by site.
        run: (precision, perturbation) -> values by site.
        epsilons: of the coarsest precision in which each was computed.
        seed: of the perturbations.
    """
    runner = FunctionRunner(run)
    profile = NoiseProfile(runner, check_determinism=False, seed=seed)
    again_differs = runner.distances("float32", None)
    found = {}
    for site, array in as_run.items():
        again = profile.at(site)
        epsilon = epsilons[site]
        measure = Measure(array, epsilon=epsilon, terms=float(array.size))
        size = magnitude(array)
        if not again_differs.get(site, 0.0) <= K * size * epsilon / 2:
            found[site] = measure._replace(is_random=True)
            continue
        if again.float64 is not None and again.float32 is not None:
            noise = max(again.spread32, size * epsilon / 2)
            noise *= max(1.0, float(array.size) ** 0.5 / K)
            if again.float32.size == array.size and (
                not is_float(array)
                or distance(again.float32.reshape(array.shape), array) <= K * noise
            ):
                measure = measure._replace(
                    float64=again.float64.reshape(array.shape),
                    spread32=finite(again.spread32),
                    spread64=finite(again.spread64),
                )
        found[site] = measure
    return found


def measured_model(
    step: TrainingStep, observer: StepObserver, model: WatchedModel
) -> dict[TensorSite, Measure]:
    """Return the outputs, gradients and buffers of a model, measured."""
    as_run: Values = {}
    calls = [(n, call) for n, call in step.numbered_calls() if call.model == model.name]
    epsilon = max((call.epsilon for _, call in calls), default=FLOAT32_EPSILON)
    for number, call in calls:
        as_run |= {sites.output(model.name, number, x): a for x, a in call.outputs.items()}
    for path, array in step.buffers_after[model.name].items():
        as_run[sites.buffer(joined(model.name, path))] = array
    names = {joined(model.name, path) for path in model.parameters}
    for index, taken in indexed_steps(step):
        as_run |= {
            sites.gradient(path, index): array
            for path, array in taken.gradients.items()
            if path in names
        }

    def run(precision: Precision, perturbation: Perturbation | None) -> Values:
        return _run_model(step, observer, model, precision, perturbation)

    whose = f"model {model.name}" if model.name else "the model"
    return _measured_again(step, observer, whose, as_run, run, epsilon)


def _run_model(
    step: TrainingStep,
    observer: StepObserver,
    model: WatchedModel,
    precision: Precision,
    perturbation: Perturbation | None,
) -> Values:
    """Call a model as the script did, and go backward from the gradients that it had."""
    values: Values = {}
    adapter = model.adapter

    prepared = _preparing(precision, perturbation)
    numbers = {id(call): number for number, call in step.numbered_calls()}
    with adapter.in_precision(precision, training=True):
        weights = step.weights[model.name]
        model.write({p: prepared(a, f"weight {p}") for p, a in weights[0].items()}, precision)
        version = 0
        for position, call in enumerate(step.calls):
            if call.model != model.name:
                continue
            if call.version != version:
                version = call.version
                model.write(
                    {p: prepared(a, f"weight {p}") for p, a in weights[version].items()}, precision
                )
            live = observer.live_calls[position]
            observer.loop.set_modes(adapter, live.modes)
            number = numbers[id(call)]
            given = [(f"input {number} {label}", array) for label, array in call.inputs.items()]
            # Of each step of an optimizer that the call's gradients went into; one call for each.
            uses: list[_Use | None] = [use for use in _uses(step, call) if use.cotangents]
            for repeat, use in enumerate(uses or [None]):
                before = _buffers(adapter) if repeat else None
                arrays = [prepared(array, name) for name, array in given]
                args, kwargs = live.filled([adapter.constant(array) for array in arrays])
                with observer.again.of(adapter, live):
                    returned = output_tensors(adapter, adapter.call(kwargs, args))
                outputs = {live.output_names[own]: tensor for own, tensor in returned.items()}
                for label, tensor in outputs.items():
                    array = adapter.to_numpy(tensor).copy()
                    values.setdefault(sites.output(model.name, number, label), array)
                if use is not None:
                    _add_gradients(model, use, outputs, precision, values)
                if before is not None:
                    adapter.assign(before)
        tensors_of = adapter.buffers()
        for path, own in model.buffers.items():
            site = sites.buffer(joined(model.name, path))
            values[site] = adapter.to_numpy(tensors_of[own]).copy()
    return values


def _preparing(
    precision: Precision, perturbation: Perturbation | None
) -> Callable[[Array, str], Array]:
    """Return (array, its name) -> a copy of it for a run."""

    def prepared(array: Array, name: str) -> Array:
        if perturbation is None or not is_float(array):
            return in_precision(array, precision)
        moved: Array = perturbation(array, name)
        return moved

    return prepared


class _Use(NamedTuple):
    """The gradients of a call's outputs that went into a step of an optimizer, by label."""

    number: int
    taken: OptimizerStep
    cotangents: dict[str, Array]


def _uses(step: TrainingStep, call: Call) -> Iterator[_Use]:
    for index, taken in indexed_steps(step):
        totals = {label: total(call.passed_on, taken.passes, label) for label in call.outputs}
        yield _Use(index, taken, {label: t for label, t in totals.items() if t is not None})


def _buffers(adapter: Any) -> dict[str, Array]:
    return {path: adapter.to_numpy(t).copy() for path, t in adapter.buffers().items()}


def _add_gradients(
    model: WatchedModel,
    use: _Use,
    outputs: Mapping[str, Any],
    precision: Precision,
    values: Values,
) -> None:
    """Add what one call gives to the gradients of an optimizer's parameters."""
    adapter = model.adapter
    tensors_of = {**adapter.parameters(), **adapter.buffers()}
    wanted = [p for p in model.parameters if joined(model.name, p) in use.taken.gradients]
    for path in wanted:
        site = sites.gradient(joined(model.name, path), use.number)
        shape = tuple(tensors_of[model.parameters[path]].shape)
        values.setdefault(site, np.zeros(shape, precision))

    def on_gradient(number: int, gradient: Array) -> None:
        site = sites.gradient(joined(model.name, wanted[number]), use.number)
        values[site] = np.asarray(values[site] + gradient.reshape(values[site].shape))

    adapter.vjp(
        [(outputs[label], cotangent) for label, cotangent in use.cotangents.items()],
        [tensors_of[model.parameters[path]] for path in wanted],
        on_gradient,
    )


def measured_optimizer(
    step: TrainingStep, observer: StepObserver, taken: OptimizerStep, index: int
) -> dict[TensorSite, Measure]:
    """Return what a step of an optimizer left, measured."""
    as_run = _optimizer_sites(taken.weights_after, taken.after, index)

    def run(precision: Precision, perturbation: Perturbation | None) -> Values:
        return _run_optimizer(observer, taken, index, precision, perturbation)

    whose = f"optimizer {taken.optimizer}" if taken.optimizer else "the optimizer"
    return _measured_again(step, observer, whose, as_run, run, FLOAT32_EPSILON)


def _measured_again(
    step: TrainingStep,
    observer: StepObserver,
    whose: str,
    as_run: Values,
    run: Callable[[Precision, Perturbation | None], Values],
    epsilon: float,
) -> dict[TensorSite, Measure]:
    """Measure by running again; where that raises, `step.not_run_again` says so.

    A model or an optimizer may need what only its script has around it. What it left in the user's
    own run is judged all the same.
    """
    try:
        with _undone(observer):
            return measured(as_run, run, dict.fromkeys(as_run, epsilon), step.number)
    except Exception as error:
        step.not_run_again.append(f"{whose}: {one_line(error)}")
        return {
            site: Measure(array, epsilon=epsilon, terms=float(array.size))
            for site, array in as_run.items()
        }


def _optimizer_sites(
    weights: Mapping[str, Array], state: Mapping[str, Mapping[str, Array]], index: int
) -> Values:
    values = {
        sites.state(path, name, index): array
        for name, arrays in state.items()
        for path, array in arrays.items()
    }
    return values | {sites.weight(path, index): array for path, array in weights.items()}


def _run_optimizer(
    observer: StepObserver,
    taken: OptimizerStep,
    index: int,
    precision: Precision,
    perturbation: Perturbation | None,
) -> Values:
    """Take the step again, from the same weights, gradients and state."""
    optimizer = observer.optimizers[taken.optimizer]

    prepared = _preparing(precision, perturbation)
    weights = {p: prepared(a, f"weight {p}") for p, a in taken.weights_before.items()}
    with ExitStack() as stack:
        used = []
        for name, model in observer.models.items():
            own = model.among(weights)
            if own:
                stack.enter_context(model.adapter.in_precision(precision, training=True))
                model.write(own, precision)
                used.append((name, model))
        optimizer.set_gradients({p: prepared(a, f"gradient {p}") for p, a in taken.used.items()})
        optimizer.set_state(
            {
                name: {p: prepared(a, f"{name} {p}") for p, a in arrays.items()}
                for name, arrays in taken.before.items()
            },
            taken.count,
        )
        stack.callback(optimizer.set_rates(taken.rates))
        optimizer.take_step()
        after = {
            joined(name, path): array
            for name, model in used
            for path, array in model.read(buffers=False).items()
            if joined(name, path) in weights
        }
        return _optimizer_sites(after, optimizer.state(), index)


@contextmanager
def _undone(observer: StepObserver) -> Iterator[None]:
    """Put weights, gradients, states and random generators back at the end of the block."""
    with everything_put_back(), ExitStack() as stack:
        for model in observer.models.values():
            keep(model.adapter)
        for optimizer in observer.optimizers.values():
            stack.callback(optimizer.snapshot())
        yield


def indexed_steps(step: TrainingStep) -> Iterator[tuple[int, OptimizerStep]]:
    """Yield every step of an optimizer with its number among the steps of that optimizer."""
    counts: dict[str, int] = {}
    for taken in step.optimizer_steps:
        index = counts.get(taken.optimizer, 0)
        counts[taken.optimizer] = index + 1
        yield index, taken
