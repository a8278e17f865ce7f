"""Runs a model and records its tensors at taps: what enters and leaves every watched module.

An isolated run also replaces the tensor at each tap by a fixed value, the one that the teacher had
there: the reference's run in float64 (teacher forcing). So every segment of code between two
neighbouring taps is run on the reference's own input, all of them in one pass, and a fault in one
segment does not reach the next. Gradients are isolated likewise. The tensor that reaches a tap has
a fixed random cotangent, and the gradient of the sum of their products with respect to a forced
value comes from the segments that read this value and from nowhere else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from parity.adapters.protocol import Tensor
from parity.base.numerics import LOW_EPSILON, Array, LowPrecision, in_precision, is_float, rounded
from parity.base.rng import cotangent_of, draw_cotangent_of, keyed
from parity.errors import CannotCompare, RaisedInModule
from parity.nested.containers import replaced, substituted, tensors
from parity.nested.outputs import output_leaves, paired
from parity.trace.bound_model import BoundModel
from parity.trace.gradients import record_gradients, user_loss
from parity.trace.run_observer import RunObserver, as_precise_as, low_precision_of
from parity.trace.sites import Boundary, Port, Tap
from parity.trace.trace import Run, Trace, is_beside


def run_isolated(
    model: BoundModel, run: Run, teacher: Trace | None = None, baseline: Trace | None = None
) -> Trace:
    """Run one side once, forward and backward, every segment between two taps in isolation.

    Args:
        model: the side.
        run: its settings.
        teacher: trace whose values are forced; None makes this run the teacher.
        baseline: keep each tensor's distance from this trace's instead of the tensor.

    Raises:
        CannotCompare: the module raised.
    """
    trace = Trace() if baseline is None else baseline.distance_trace()
    recorder = _IsolatingRecorder(model, run, teacher, trace)
    with model.running(run.precision, training=run.training, is_watched=run.is_watched):
        with recorder.observer.during_run():
            outputs = _call(model, run, recorder)
            recorder.record_loss(outputs)
        del outputs
        recorder.record_backward()
    return trace


def run_with_injection(
    model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
) -> Trace:
    """Run one side once, forward, and record its tensors; replace those at some taps.

    Args:
        model: the side.
        run: its settings.
        teacher: trace whose labels name the tensors.
        inject: values by tap.

    Raises:
        CannotCompare: the module raised.
    """
    return _observe(model, run, teacher, inject, Trace())


def list_calls(model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
    """Run one side once, forward; return a trace of calls and callers that holds no tensor.

    Args:
        model: the side.
        run: its settings.
        teacher: trace whose labels name the tensors.

    Raises:
        CannotCompare: the module raised.
    """
    return _observe(model, run, teacher, {}, Trace().distance_trace())


def _observe(
    model: BoundModel, run: Run, teacher: Trace | None, inject: Mapping[Tap, Array], trace: Trace
) -> Trace:
    recorder = _InjectingRecorder(model, run, teacher, trace, inject)
    with (
        model.running(run.precision, training=run.training, is_watched=run.is_watched),
        recorder.observer.during_run(),
    ):
        outputs = output_leaves(_call(model, run, recorder), model.adapter.is_tensor)
        trace.outputs = tuple(leaf._replace(value=None) for leaf in outputs)
    return trace


def _call(model: BoundModel, run: Run, recorder: _Recorder) -> Any:
    """Load the weights, call the module with a recorder attached, and return its outputs."""
    adapter = model.adapter
    model.load(run.weights, run.precision, run.prepare)
    inputs = {
        name: adapter.constant(run.prepare(rounded(value), f"input {name}"))
        for name, value in run.inputs.arrays().items()
    }
    with (
        adapter.dropout_from(recorder.dropout_source),
        adapter.hooked(
            recorder.observer.looking_before(recorder.before_module),
            recorder.observer.looking_before(recorder.after_module),
        ),
    ):
        try:
            return model.call(run.inputs, inputs)
        except (CannotCompare, KeyboardInterrupt):
            raise
        except BaseException as error:  # `sys.exit` too
            raise RaisedInModule(recorder.caller()) from error


class _Call(NamedTuple):
    """A call of a module that has not returned yet."""

    path: str
    number: int
    # Puts back the tensors that were replaced inside the caller's own lists and dicts.
    restore_arguments: Callable[[], None]


class _Recorder(ABC):
    """Records tensors at taps; `replacement` says what is passed on."""

    def __init__(self, model: BoundModel, run: Run, teacher: Trace | None, trace: Trace) -> None:
        self.model, self.adapter, self.run, self.teacher = model, model.adapter, run, teacher
        self.trace = trace
        self.calls: Counter[str] = Counter()
        self.stack: list[_Call] = []
        self.dropout_calls: Counter[str] = Counter()
        self.last_boundary = Boundary("start")
        self.teacher_labels = _labels(teacher) if teacher else {}
        self.observer = RunObserver(model, run, trace, self.caller)

    @abstractmethod
    def replacement(self, tap: Tap, tensor: Tensor, array: Array) -> Tensor:
        """Return the tensor to pass on at a tap.

        Args:
            tap: where.
            tensor: what reached it.
            array: the same as an array, only to be read.
        """

    def before_module(self, own_path: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Record a module's arguments and return those that it gets, see `Adapter.hooked`."""
        path = self.model.modules.get(own_path)
        if path is None:
            return arguments
        number = self.calls[path]
        self.calls[path] += 1
        new = self._record(arguments, path, number, "input", self.caller())
        # A copy at the top alone: the dict of arguments is the adapter's, lists are the caller's.
        changed, restore = substituted(dict(arguments), self.adapter.is_tensor, new)
        self.stack.append(_Call(path, number, restore))
        return dict(changed)

    def after_module(self, own_path: str, result: Any) -> Any:
        """Record a module's result and return the one that its caller gets."""
        path = self.model.modules.get(own_path)
        if path is None:
            return result
        call = self.stack.pop()
        call.restore_arguments()
        new = self._record(result, path, call.number, "output", self.caller())
        return replaced(result, self.adapter.is_tensor, new)

    def dropout_source(self, shape: tuple[int, ...]) -> Array:
        """Draw the numbers of one call of dropout, by the module that calls it and how often."""
        drawn = self.observer.dropout_numbers(shape)
        if drawn is not None:
            return drawn
        path = self.caller()
        self.dropout_calls[path] += 1
        return keyed(self.run.seed, "dropout", path, self.dropout_calls[path]).random(shape)

    def caller(self) -> str:
        """Return the path of the module whose code runs, `""` for the model itself."""
        return self.stack[-1].path if self.stack else ""

    def _record(
        self, value: Any, path: str, call: int, port: Port, caller: str
    ) -> Iterator[Tensor]:
        """Record the tensors inside a value; return their replacements in the same order."""
        labelled = list(tensors(value, self.adapter.is_tensor))
        labels = self._paired_labels(path, call, port, [label for label, _ in labelled])
        new = []
        for label, (_, tensor) in zip(labels, labelled, strict=True):
            tap = Tap(path, call, port, label or "")
            if label is None or tap in self.model.unpaired:
                new.append(tensor)
                continue
            array = self.adapter.to_numpy(tensor)
            self.trace.recorded[tap], self.trace.callers[tap] = array, caller
            self.trace.before[tap], self.trace.shapes[tap] = self.last_boundary, array.shape
            new.append(self.replacement(tap, tensor, array))
        self.last_boundary = Boundary(port, path)
        return iter(new)

    def _paired_labels(
        self, path: str, call: int, port: Port, labels: list[str]
    ) -> Sequence[str | None]:
        """Return the teacher's labels: the same ones, and for as many others by order.

        None for an output of the model that the other side does not have.
        """
        names = self.model.outputs
        if names is not None and path == "" and port == "output":
            found = [names.labels.get(label) for label in labels]
            return [label if label in names.tensors else None for label in found]
        return paired(self.teacher_labels.get((path, call, port), labels), labels)


class _InjectingRecorder(_Recorder):
    """Passes every tensor on as it is, but for injected ones."""

    def __init__(
        self,
        model: BoundModel,
        run: Run,
        teacher: Trace | None,
        trace: Trace,
        inject: Mapping[Tap, Array],
    ) -> None:
        super().__init__(model, run, teacher, trace)
        self.inject = inject

    def replacement(self, tap: Tap, tensor: Tensor, array: Array) -> Tensor:
        value = self.inject.get(tap)
        if value is None:
            return tensor
        return as_precise_as(
            self.adapter, self.adapter.constant(self.run.prepare(value, "")), tensor
        )


class _IsolatingRecorder(_Recorder):
    """Passes the teacher's values on; without a teacher, the recorded ones."""

    def __init__(self, model: BoundModel, run: Run, teacher: Trace | None, trace: Trace) -> None:
        super().__init__(model, run, teacher, trace)
        self.weighted_outputs: list[tuple[Tensor, Array]] = []
        self.gradient_inputs: dict[Tap, Tensor] = {}
        self.leaves = model.leaves()

    def replacement(self, tap: Tap, tensor: Tensor, array: Array) -> Tensor:
        if self.teacher is not None and tap not in self.teacher.forced:
            return tensor
        if is_float(array):
            self.weighted_outputs.append(
                (tensor, cotangent_of(array, self._cotangent_draw(tap, array)))
            )
        low = low_precision_of(self.adapter, tensor)
        if low is not None:
            self.observer.note_epsilon(LOW_EPSILON[low], tap.path, self.caller())
        forced = self._forced_value(tap, array, low)
        if not is_float(forced):
            return self.adapter.constant(forced.copy())
        self.gradient_inputs[tap], passed_on = self.adapter.variable(forced)
        return as_precise_as(self.adapter, passed_on, tensor)

    def record_loss(self, outputs: Any) -> None:
        """Record the user's loss, if there is one, as an output with cotangent 1."""
        if self.run.loss is None:
            return
        loss, tap = user_loss(self.model, self.run, outputs), Tap("", 0, "loss", "")
        self.trace.recorded[tap], self.trace.callers[tap] = self.adapter.to_numpy(loss), ""
        self.trace.before[tap] = self.last_boundary
        self.weighted_outputs.append((loss, np.ones(tuple(loss.shape), np.float32)))

    def record_backward(self) -> None:
        """Record all gradients, and buffers as the run has left them."""
        record_gradients(
            self.model,
            self.weighted_outputs,
            self.gradient_inputs,
            self.trace,
            self.run.precision,
        )
        tensors = self.adapter.parameters() | self.adapter.buffers()
        for path, name in self.model.buffers.items():
            self.trace.buffers[path] = self.adapter.to_numpy(tensors[name])
        # Release the sources before the adapter's context ends, whose garbage collection then
        # frees them.
        self.gradient_inputs.clear()

    def _cotangent_draw(self, tap: Tap, array: Array) -> Array:
        if self.teacher is not None and tap in self.teacher.cotangent_draws:
            draw = self.teacher.cotangent_draws[tap]
            if draw.size == array.size * (2 if array.dtype.kind == "c" else 1):
                return draw
        draw = draw_cotangent_of(array, self.run.seed, *tap)
        if self.teacher is None:
            self.trace.cotangent_draws[tap] = draw
        return draw

    def _forced_value(self, tap: Tap, array: Array, low: LowPrecision | None) -> Array:
        if self.teacher is not None:
            value = self.teacher.forced[tap]
            if is_beside(tap.path, self.run.unperturbed):
                value = replace(self.run, perturbation=None).prepare(value, "")
            else:
                value = self.run.prepare(value, repr(tap), low)
            # Zero-dimensional tensors exist in one framework and not in the other.
            return value.reshape(array.shape if array.size == value.size == 1 else value.shape)
        is_leaf_input = tap.path in self.leaves and tap.port == "input"
        is_stressed = is_leaf_input and not is_beside(tap.path, self.run.unstressed)
        if self.run.stress_input is not None and is_stressed and is_float(array):
            array = np.asarray(self.run.stress_input(array))
        forced = rounded(array)
        # Half the size, and no digit is lost: its values are those of float32.
        self.trace.forced[tap] = in_precision(forced, "float32")
        return forced


def _labels(teacher: Trace) -> dict[tuple[str, int, Port], list[str]]:
    """Return the labels of the teacher's tensors, by path, call and port."""
    labels: dict[tuple[str, int, Port], list[str]] = {}
    for tap in teacher.forced or teacher.callers:
        labels.setdefault((tap.path, tap.call, tap.port), []).append(tap.label)
    return labels
