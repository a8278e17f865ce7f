"""Follows a training loop and keeps what its steps leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.nested.containers import tensors
from parity.steps.frameworks.protocol import Loop, WatchedOptimizer
from parity.steps.loop.accumulated_gradients import AccumulatedGradients
from parity.steps.loop.averages import Average
from parity.steps.loop.calls_again import CallsAgain
from parity.steps.loop.cotangent_spread import spread_of_cotangents
from parity.steps.loop.watched_model import (
    LiveCall,
    WatchedModel,
    is_training,
    output_tensors,
    parameters_of,
    with_tensors,
)
from parity.steps.step_data import (
    BackwardPass,
    Call,
    DrawFamily,
    OptimizerStep,
    TrainingStep,
    rates_of,
)


class StepObserver:
    """A `parity.steps.frameworks.protocol.Listener` that keeps some steps.

    A step ends when every optimizer has taken one, and what follows until the next batch, random
    number or call of a model belongs to it. Calls in evaluation mode without gradients are none of
    training and are not looked at.

    Args:
        loop: of the framework.
        models, optimizers, averages: by name.
        kept: (number of a step) -> whether it is kept.
        finished: called with each step that was kept, and with what can run it again.
    """

    def __init__(
        self,
        loop: Loop,
        models: dict[str, WatchedModel],
        optimizers: dict[str, WatchedOptimizer],
        averages: dict[str, Average],
        *,
        kept: Callable[[int], bool],
        finished: Callable[[TrainingStep, StepObserver], None],
    ) -> None:
        self.loop, self.models = loop, models
        self.optimizers, self.averages = optimizers, averages
        self._kept, self._finished = kept, finished
        self.number = 0
        self.step: TrainingStep | None = None
        self.live_calls: list[LiveCall] = []
        self._is_open, self._paused, self._depth = False, 0, 0
        self._stepped: set[str] = set()
        self._outputs: list[tuple[tuple[int, str], Any]] = []
        self._gradients = AccumulatedGradients()
        self._before: OptimizerStep | None = None
        self._is_backward = False
        self.again = CallsAgain(loop)

    @property
    def _has_stepped(self) -> bool:
        """Whether every optimizer has taken a step."""
        return bool(self.optimizers) and self._stepped >= set(self.optimizers)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """See `Listener`."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def start(self) -> None:
        """Begin with the first step."""
        self.loop.watch_draws(self._kept(0))

    def close(self) -> None:
        """End the last step, if it has ended."""
        if self._is_open and self._has_stepped:
            self._end()

    def _open(self) -> None:
        """Begin a step, if none is open or the open one has ended."""
        if self._is_open and self._has_stepped:
            self._end()
            self.number += 1
        if self._is_open:
            return
        self._is_open, self._stepped = True, set()
        self.loop.watch_draws(self._kept(self.number))
        if self._kept(self.number):
            self.step = TrainingStep(self.number)
            with self.paused():
                self.begin(self.step)

    def add(self, model: WatchedModel) -> None:
        """Look into one more model, which has not been called in this step."""
        self.models[model.name] = model
        if self.step is not None:
            with self.paused():
                self.step.weights[model.name] = [model.read()]

    def add_average(self, name: str, average: Average) -> None:
        """Look into an average that was found while a step is open."""
        self.averages[name] = average
        if self.step is not None:
            self.step.averages_before[name] = average.read()

    def start_optimizer(self, name: str) -> None:
        """Look into an optimizer that was found while a step is open."""

    def begin(self, step: TrainingStep) -> None:
        """Keep what is there before the first event of a step."""
        step.weights = {name: [model.read()] for name, model in self.models.items()}
        step.averages_before = {name: a.read() for name, a in self.averages.items()}

    def _end(self) -> None:
        step, self.step = self.step, None
        self._is_open = False
        if step is None:
            return
        with self.paused():
            for name, model in self.models.items():
                after = model.read()
                step.buffers_after[name] = {path: after[path] for path in model.buffers}
                step.weights_end[name] = {path: after[path] for path in model.parameters}
            step.averages_after = {name: a.read() for name, a in self.averages.items()}
            step.rates_after = {n: rates_of(o.settings()) for n, o in self.optimizers.items()}
            self._finished(step, self)
        self.live_calls, self._outputs = [], []
        self._gradients.clear()
        self.loop.release()

    def batch(self, batch: Any) -> Any:
        """See `Listener`."""
        if self._paused or not self.loop.enables_gradients():
            return batch
        self._open()
        if self.step is None:
            return batch
        with self.paused():
            arrays = {
                label.removeprefix("."): self._to_numpy(tensor).copy()
                for label, tensor in tensors({"": batch}, self._is_tensor_or_array)
            }
            if not self.models:  # a look at the data before the loop
                self.step.batches.clear()
            self.step.batches.append(arrays)
            return self.changed_batch(batch, len(self.step.batches) - 1)

    def changed_batch(self, batch: Any, number: int) -> Any:
        """Return the batch that the loop gets."""
        return batch

    def draw(self, family: DrawFamily, result: Any) -> Any:
        """See `Listener`."""
        if self.again.is_active:
            return self.again.draw(family, result)
        if self._paused or not (self._depth or self.loop.enables_gradients()):
            return result
        self._open()
        if self.step is None:
            return result
        with self.paused():
            array = self._to_numpy(result).copy()
            self.step.draws.append((family, array))
            if family == "dropout":
                if self._depth:
                    self.live_calls[-1].dropout.append(array)
                return result
            drawn = self.changed_draw(family, result)
            if self._depth:
                self.live_calls[-1].draws.append((family, self._to_numpy(drawn).copy()))
            return drawn

    def changed_draw(self, family: DrawFamily, result: Any) -> Any:
        """Return the random numbers that the script gets."""
        return result

    def call(
        self,
        model: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """See `Listener`."""
        watched = self.models[model]
        modes = self.loop.modes(watched.adapter)
        is_of_training = self.loop.enables_gradients() or is_training(modes)
        if self._paused or self._depth or not is_of_training:
            return function(*args, **kwargs)
        self._open()
        if self.step is None:
            return function(*args, **kwargs)
        self._depth += 1
        try:
            return self._kept_call(watched, modes, function, args, kwargs)
        finally:
            self._depth -= 1

    def _kept_call(
        self,
        watched: WatchedModel,
        modes: list[bool | None],
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        assert self.step is not None
        adapter, name = watched.adapter, watched.name
        live = LiveCall(adapter, args, kwargs, modes)
        call = Call(name, len(self.step.weights[name]) - 1, is_training(modes))
        with self.paused():
            self.note_weights(call)
            given = live.inputs()
            call.arrived = {label: adapter.to_numpy(t).copy() for label, t in given.items()}
            call.inputs = dict(call.arrived)
            self.step.calls.append(call)
            args, kwargs = live.filled(self.changed_inputs(call, given))
        self.live_calls.append(live)

        def on_low(epsilon: float) -> None:
            call.epsilon = max(call.epsilon, epsilon)

        observing = getattr(adapter, "observing_precision", None)
        with nullcontext() if observing is None else observing(on_low), self.drawing(adapter):
            outputs = function(*args, **kwargs)
        with self.paused():
            found = output_tensors(adapter, outputs)
            names = self.names_of_outputs(call, list(found))
            live.output_names = names
            call.outputs = {names[own]: adapter.to_numpy(t).copy() for own, t in found.items()}
            number = len(self.step.calls) - 1
            alone = sum(map(self.loop.has_gradient, found.values())) < 2
            new = {
                own: self.changed_output(number, names[own], tensor, alone=alone)
                for own, tensor in found.items()
            }
            self._outputs += [
                ((number, names[own]), tensor)
                for own, tensor in new.items()
                if self.loop.has_gradient(tensor)
            ]
        return with_tensors(adapter, outputs, list(new.values()))

    def note_weights(self, call: Call) -> None:
        """Note weights that the script has changed since the last version of them."""
        assert self.step is not None
        versions = self.step.weights[call.model]
        weights = self.models[call.model].read(buffers=False)
        if not all(np.array_equal(array, versions[-1][path]) for path, array in weights.items()):
            versions.append(weights)
            call.arrived_weights = weights
        call.version = len(versions) - 1

    def changed_inputs(self, call: Call, given: Mapping[str, Any]) -> list[Any]:
        """Return the tensors that a call is given, in their order."""
        return list(given.values())

    def names_of_outputs(self, call: Call, labels: list[str]) -> dict[str, str]:
        """Return own label -> the reference's, of what a call returned."""
        return {label: label for label in labels}

    def changed_output(self, number: int, label: str, tensor: Any, *, alone: bool) -> Any:
        """Return what the caller gets."""
        return self.loop.hold(tensor, lambda g: self.arrived(number, label, g), alone=alone)

    def arrived(self, number: int, label: str, gradient: Array) -> Array | None:
        """Keep the gradient of the loss with respect to an output; return the one to pass on."""
        if self.step is None or not self._is_backward or self._paused:
            return None
        call, backward = self.step.calls[number], len(self.step.passes) - 1
        passed_on = self.changed_cotangent(number, label, gradient)
        for kept, array in ((call.cotangents, gradient), (call.passed_on, passed_on)):
            arrays = kept.setdefault(backward, {})
            arrays[label] = np.asarray(arrays[label] + array) if label in arrays else array
        return passed_on

    def changed_cotangent(self, number: int, label: str, gradient: Array) -> Array:
        """Return the gradient that is passed on into the model."""
        return gradient

    def backward_begins(self, loss: Any) -> None:
        """See `Listener`."""
        if self.step is None or self._paused:
            return
        with self.paused():
            value = np.asarray(self._to_numpy(loss), np.float32).reshape(-1)
            outputs = dict(self._outputs)
            spread = spread_of_cotangents(self.loop, self.step, loss, outputs)
            self.step.passes.append(BackwardPass(value.sum(), spread))
            self._gradients.begin(self.optimizers)
        self._is_backward = True

    def contribution(self, path: str, gradient: Any) -> Any:
        """See `Listener`."""
        if self.step is None or self._paused:
            return gradient
        with self.paused():
            self._gradients.add(path, self._to_numpy(gradient).copy())
        return gradient

    def backward_ends(self) -> None:
        """See `Listener`."""
        if self.step is None or self._paused:
            return
        self._is_backward = False
        self._gradients.end(len(self.step.passes) - 1, self.optimizers)

    def step_begins(self, optimizer: str) -> None:
        """See `Listener`."""
        if self.step is None or self._paused or optimizer not in self.optimizers:
            return
        with self.paused():
            watched = self.optimizers[optimizer]
            given, settings = watched.gradients(), watched.settings()
            sums = self._gradients.sums.get(optimizer, {})
            self._before = OptimizerStep(
                optimizer=optimizer,
                passes=self._gradients.passes.get(optimizer, []),
                is_stale=optimizer in self._gradients.stale,
                gradients={p: sums.get(p, np.zeros_like(g)) for p, g in given.items()},
                given=given,
                used=given,
                settings=settings,
                rates=rates_of(settings),
                count=watched.count(),
                counted=watched.counted(),
                before=watched.state(),
                after={},
                weights_before=parameters_of(self.models, watched.paths()),
                weights_after={},
            )
            self.changed_step(self._before)

    def drawing(self, adapter: Any) -> Any:
        """Return a context in which dropout draws what it is to draw."""
        return nullcontext()

    def changed_step(self, step: OptimizerStep) -> None:
        """Change what the optimizer is about to use."""

    def step_ends(self, optimizer: str) -> None:
        """See `Listener`."""
        if self._paused or optimizer not in self.optimizers:
            return
        self._stepped.add(optimizer)
        if self.step is not None and self._before is not None:
            with self.paused():
                self._keep_step(self._before)
            self._before = None
        # Random numbers may begin the next step.
        if self._has_stepped:
            self.loop.watch_draws(self._kept(self.number) or self._kept(self.number + 1))

    def _keep_step(self, step: OptimizerStep) -> None:
        assert self.step is not None
        watched = self.optimizers[step.optimizer]
        self._gradients.used(step.optimizer)
        step.after = watched.state()
        step.weights_after = parameters_of(self.models, watched.paths())
        self.step.optimizer_steps.append(step)
        self.step_taken(step)
        for name, model in self.models.items():
            if model.among(step.weights_after):
                self.step.weights[name].append(model.read(buffers=False))

    def step_taken(self, step: OptimizerStep) -> None:
        """Change what an optimizer has left."""

    def _is_tensor_or_array(self, value: object) -> bool:
        return self.loop.is_tensor(value) or isinstance(value, np.ndarray)

    def _to_numpy(self, tensor: Any) -> Array:
        return self.loop.to_numpy(tensor) if self.loop.is_tensor(tensor) else np.asarray(tensor)
