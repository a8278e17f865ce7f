"""Follows a training loop whose kept steps are given what another side recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.base.rng import keyed
from parity.nested.containers import copied, tensors
from parity.nested.outputs import paired
from parity.steps.loop.averages import Average
from parity.steps.loop.observer import StepObserver
from parity.steps.loop.watched_model import WatchedModel
from parity.steps.step_data import Call, DrawFamily, OptimizerStep, TrainingStep


class ForcedObserver(StepObserver):
    """A `StepObserver` that puts a recorded step's values in at every boundary.

    So what one part of a loop does otherwise shows there, and not in what follows. What arrives at
    each boundary is kept, to be judged.

    Args:
        teacher: (number of a kept step) -> the recorded one.
        others: as of `StepObserver`.
    """

    def __init__(self, *args: Any, teacher: Callable[[int], TrainingStep], **others: Any) -> None:
        super().__init__(*args, **others)
        self._teacher_of = teacher
        self._teacher: TrainingStep
        self._used_draws: set[int] = set()
        # Optimizers whose gradients are the recorded ones.
        self._forced: set[str] = set()
        self._put_back: Callable[[], None] | None = None

    def begin(self, step: TrainingStep) -> None:
        """Set weights, states and averages to the recorded ones."""
        self._teacher = self._teacher_of(step.number)
        self._used_draws = set()
        for name, model in self.models.items():
            if name in self._teacher.weights:
                model.write(self._teacher.weights[name][0])
        for name in self.optimizers:
            self._start_optimizer(name)
        for name, average in self.averages.items():
            average.write(self._teacher.averages_before.get(name, {}))
        super().begin(step)

    def start_optimizer(self, name: str) -> None:
        """Look into an optimizer that was found while a step is open."""
        if self.step is not None:
            with self.paused():
                self._start_optimizer(name)

    def _start_optimizer(self, name: str) -> None:
        recorded = self._teacher.steps_of(name)
        if recorded:
            self.optimizers[name].start_from(recorded[0].before, recorded[0].count)

    def add(self, model: WatchedModel) -> None:
        """Look into one more model, whose weights are set to the recorded ones."""
        if self.step is not None and model.name in self._teacher.weights:
            model.write(self._teacher.weights[model.name][0])
        super().add(model)

    def add_average(self, name: str, average: Average) -> None:
        """Look into an average, which is set to the recorded one."""
        if self.step is not None:
            average.write(self._teacher.averages_before.get(name, {}))
        super().add_average(name, average)

    def changed_batch(self, batch: Any, number: int) -> Any:
        """Return the recorded batch, in the form of the loop's own."""
        if number >= len(self._teacher.batches):
            return batch
        recorded = list(self._teacher.batches[number].values())
        own = [value for _, value in tensors({"": batch}, self._is_tensor_or_array)]
        if len(own) != len(recorded):
            return batch
        new = [self._like(array, value) for array, value in zip(recorded, own, strict=True)]
        return copied({"": batch}, self._is_tensor_or_array, iter(new))[""]

    def changed_draw(self, family: DrawFamily, result: Any) -> Any:
        """Return the next recorded numbers of that kind and shape."""
        array = self._next_draw(family, tuple(result.shape))
        return result if array is None else self._like(array, result)

    def _next_draw(self, family: DrawFamily, shape: tuple[int, ...]) -> Array | None:
        for number, (kind, array) in enumerate(self._teacher.draws):
            if number in self._used_draws or kind != family:
                continue
            if array.shape == shape or (family == "dropout" and array.size == np.prod(shape)):
                self._used_draws.add(number)
                return array.reshape(shape)
        return None

    def drawing(self, adapter: Any) -> Any:
        """Return a context in which dropout draws the recorded numbers."""
        drawn = self.live_calls[-1].dropout

        def source(shape: tuple[int, ...]) -> Array:
            array = self._next_draw("dropout", shape)
            if array is None:
                array = keyed("dropout", self.number, len(drawn)).random(shape)
            drawn.append(array.astype(np.float32))
            return drawn[-1]

        return adapter.dropout_from(source)

    def _recorded_call(self, call: Call) -> Call | None:
        assert self.step is not None
        number = sum(other.model == call.model for other in self.step.calls) - 1
        recorded = self._teacher.calls_of(call.model)
        return recorded[number] if number < len(recorded) else None

    def note_weights(self, call: Call) -> None:
        """Set weights to those of the recorded call, and note what the script had left."""
        assert self.step is not None
        super().note_weights(call)
        # The call is kept after this.
        number = len(self.step.calls_of(call.model))
        recorded = self._teacher.calls_of(call.model)
        if number >= len(recorded):
            return
        versions = self.step.weights[call.model]
        wanted = self._teacher.weights[call.model][recorded[number].version]
        model = self.models[call.model]
        wanted = {path: wanted[path] for path in model.parameters if path in wanted}
        if all(np.array_equal(array, versions[-1][path]) for path, array in wanted.items()):
            return
        call.arrived_weights = {path: versions[-1][path] for path in model.parameters}
        model.write(wanted)
        versions.append(model.read(buffers=False))
        call.version = len(versions) - 1

    def changed_inputs(self, call: Call, given: Mapping[str, Any]) -> list[Any]:
        """Return the recorded inputs, in the form of the loop's own."""
        recorded = self._recorded_call(call)
        if recorded is None:
            return list(given.values())
        names = dict(zip(given, paired(list(recorded.inputs), list(given)), strict=True))
        call.arrived = {names[own]: array for own, array in call.arrived.items()}
        call.inputs = dict(call.arrived)
        new = []
        for own, tensor in given.items():
            array = recorded.inputs.get(names[own])
            if array is None or array.size != call.arrived[names[own]].size:
                new.append(tensor)
                continue
            call.inputs[names[own]] = array
            new.append(self.loop.force(tensor, array, lambda gradient: None))
        return new

    def names_of_outputs(self, call: Call, labels: list[str]) -> dict[str, str]:
        """Return own label -> the reference's, of what a call returned."""
        recorded = self._recorded_call(call)
        known = labels if recorded is None else paired(list(recorded.outputs), labels)
        return dict(zip(labels, known, strict=True))

    def changed_output(self, number: int, label: str, tensor: Any, *, alone: bool) -> Any:
        """Return the recorded output; its gradient is replaced by the recorded one."""
        assert self.step is not None
        recorded = self._recorded_call(self.step.calls[number])
        array = None if recorded is None else recorded.outputs.get(label)
        if array is None or array.size != np.prod(tuple(tensor.shape), dtype=int):
            array = self._to_numpy(tensor).copy()
        return self.loop.force(tensor, array, lambda g: self.arrived(number, label, g))

    def changed_cotangent(self, number: int, label: str, gradient: Array) -> Array:
        """Return the recorded gradient of as many arrivals at this output."""
        assert self.step is not None
        call = self.step.calls[number]
        position = [id(c) for c in self.step.calls_of(call.model)].index(id(call))
        recorded = self._teacher.calls_of(call.model)
        if position >= len(recorded):
            return gradient
        arrivals = [a[label] for a in recorded[position].cotangents.values() if label in a]
        arrived = sum(label in arrays for arrays in call.cotangents.values())
        if arrived >= len(arrivals) or arrivals[arrived].size != gradient.size:
            return gradient
        return arrivals[arrived].reshape(gradient.shape)

    def backward_ends(self) -> None:
        """Set gradients to the recorded ones, after the last backward pass before a step.

        What the script did to them since the last step, beside adding gradients up, stays in them:
        gradients that were not set to zero, or clipped between two passes.
        """
        super().backward_ends()
        if self.step is None or self._paused:
            return
        with self.paused():
            for name, optimizer in self.optimizers.items():
                recorded = self._recorded_step(name)
                passes = self._gradients.passes.get(name, [])
                has_ended = recorded is not None and len(passes) == len(recorded.passes)
                if recorded is None or not has_ended or len(self.step.passes) - 1 not in passes:
                    continue
                sums, new = self._gradients.sums.get(name, {}), {}
                for path, array in optimizer.gradients().items():
                    wanted = recorded.gradients.get(path)
                    if wanted is None or wanted.size != array.size:
                        continue
                    beside = array - sums[path].reshape(array.shape) if path in sums else array
                    wanted = wanted.reshape(array.shape)
                    new[path] = np.asarray(wanted + beside) if beside.any() else wanted
                optimizer.set_gradients(new)
                self._forced.add(name)

    def _recorded_step(self, optimizer: str) -> OptimizerStep | None:
        assert self.step is not None
        recorded = self._teacher.steps_of(optimizer)
        number = len(self.step.steps_of(optimizer))
        return recorded[number] if number < len(recorded) else None

    def changed_step(self, step: OptimizerStep) -> None:
        """Give the optimizer the recorded weights, gradients, state and learning rates."""
        recorded, optimizer = self._recorded_step(step.optimizer), self.optimizers[step.optimizer]
        step.is_forced = step.optimizer in self._forced
        self._forced.discard(step.optimizer)
        if recorded is None:
            return
        self._write(recorded.weights_before)
        step.used = {p: recorded.used.get(p, a) for p, a in step.given.items()}
        optimizer.set_gradients(step.used)
        step.weights_before = {
            p: recorded.weights_before.get(p, a) for p, a in step.weights_before.items()
        }
        step.before = {
            name: {p: recorded.before.get(name, {}).get(p, a) for p, a in arrays.items()}
            for name, arrays in step.before.items()
        }
        step.count = None if step.count is None else recorded.count or step.count
        optimizer.set_state(step.before, step.count)
        step.rates = {p: recorded.rates.get(p, rate) for p, rate in step.rates.items()}
        self._put_back = optimizer.set_rates(step.rates)

    def step_taken(self, step: OptimizerStep) -> None:
        """Set weights and state to what the recorded step left."""
        assert self.step is not None
        if self._put_back is not None:
            self._put_back()
            self._put_back = None
        taken = self.step.steps_of(step.optimizer)
        recorded = self._teacher.steps_of(step.optimizer)
        if len(taken) > len(recorded):
            return
        left = recorded[len(taken) - 1]
        self._write(left.weights_after)
        count = None if step.count is None else step.count + 1
        self.optimizers[step.optimizer].start_from(
            {name: left.after.get(name, arrays) for name, arrays in step.after.items()}, count
        )

    def _write(self, weights: Mapping[str, Array]) -> None:
        """Set parameters, given by the reference's path with the name of their model."""
        for model in self.models.values():
            model.write(model.among(weights))

    def _like(self, array: Array, value: Any) -> Any:
        """Return an array in the form of a tensor or array; it as it is where the sizes differ."""
        if array.size != np.prod(tuple(value.shape), dtype=int):
            return value
        if isinstance(value, np.ndarray):
            return array.reshape(value.shape).astype(value.dtype)
        return self.loop.constant(array, value)
