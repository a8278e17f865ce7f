"""Taps: what arrives at every module boundary, forward and backward, cut from what came before.

One run cuts the model at every boundary of a watched module. What arrives there is recorded, and a
fixed value takes its place: the one that the leading run, the reference's in float64, had there.
So every gap between two neighbouring taps is run in isolation, on the reference's own input, inside
one pass, and a fault upstream cannot accuse what is downstream. The gradient is cut likewise: what
arrives at each boundary is weighed with fixed random numbers, and the gradient of that sum by a
boundary's own value comes from the gaps that read it and from nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.adapters.protocol import Adapter, Tensor
from parity.base.numerics import Array, Precision, is_float, rounded
from parity.base.rng import cotangent, draw_cotangent, keyed
from parity.base.stress_inputs import StressInput
from parity.trace.bound_model import BoundModel
from parity.trace.containers import replaced, substituted, tensors
from parity.trace.sites import Boundary, Port, Tap
from parity.trace.tensor_store import DistanceStore, TensorSink, TensorStore

Perturbation = Callable[..., Array]


@dataclass
class Trace:
    """What one run left behind.

    Attributes:
        arrived: what came to each tap, in order of execution.
        passed: what went on from it, floats as float32; kept by the leading run only.
        drawn: the weight of each tap in the sum that is differentiated, as drawn; kept likewise.
        gradients: gradient by each tap's value, of the gaps that read it; zeros where none flows.
        parameters: gradient by each parameter.
        buffers: each buffer after the run.
        caller: module inside which each tap's module was called, `""` for the model itself.
        before: the boundary that was met just before each tap.
    """

    arrived: TensorSink[Tap] = field(default_factory=TensorStore)
    passed: TensorStore[Tap] = field(default_factory=TensorStore)
    drawn: TensorStore[Tap] = field(default_factory=TensorStore)
    gradients: TensorSink[Tap] = field(default_factory=TensorStore)
    parameters: TensorSink[str] = field(default_factory=TensorStore)
    buffers: TensorSink[str] = field(default_factory=TensorStore)
    caller: dict[Tap, str] = field(default_factory=dict)
    before: dict[Tap, Boundary] = field(default_factory=dict)

    def distances_from_here(self) -> Trace:
        """Return an empty trace that keeps no tensor, but how far each is from the one here."""
        return Trace(
            arrived=DistanceStore(self.arrived),
            gradients=DistanceStore(self.gradients),
            parameters=DistanceStore(self.parameters),
            buffers=DistanceStore(self.buffers),
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """How to run a side.

    Attributes:
        inputs: by keyword.
        weights: by reference path, float32 values.
        precision: of the run.
        training: mode.
        loss: the user's, or None.
        seed: of cotangents and dropout.
        probe: what to do to the input of each leaf; only the leading run does.
        shift: what to add to weights and passed values: None, or a one-ulp shift's key.
    """

    inputs: Mapping[str, Array]
    weights: Mapping[str, Array]
    precision: Precision
    training: bool
    loss: Callable[[Any], Any] | None
    seed: int
    stress_input: StressInput | None = None
    shift: Callable[[Array, str], Array] | None = None

    def given(self, array: Array, name: str) -> Array:
        """Copy an array as this run takes it in: shifted, floats in its precision."""
        if array.dtype.kind != "f":
            return array.copy()
        return array.astype(self.precision) if self.shift is None else self.shift(array, name)


class _Recorder:
    def __init__(self, model: BoundModel, run: Run, teacher: Trace | None, trace: Trace) -> None:
        self.model, self.adapter, self.run, self.teacher = model, model.adapter, run, teacher
        self.trace = trace
        self.weighted_outputs: list[tuple[Tensor, Array]] = []
        self.gradient_inputs: dict[Tap, Tensor] = {}
        self.calls: Counter[str] = Counter()
        self.stack: list[tuple[str, int, Callable[[], None]]] = []
        self.dropout_calls: Counter[str] = Counter()
        self.leaves = model.leaves()
        self.last = Boundary("start")
        # With tensors to inject, the run is left uncut but for those.
        self.inject: Mapping[Tap, Array] | None = None
        self._labels = _labels(teacher) if teacher else {}

    def enter(self, own: str, arguments: dict[str, Any]) -> dict[str, Any]:
        path = self.model.modules.get(own)
        if path is None:
            return arguments
        call = self.calls[path]
        self.calls[path] += 1
        caller = self.stack[-1][0] if self.stack else ""
        new = self._taps(arguments, path, call, "input", caller)
        # A copy at the top alone: the dict of arguments is the adapter's, lists are the caller's.
        changed, restore = substituted(dict(arguments), self.adapter.is_tensor, new)
        self.stack.append((path, call, restore))
        return dict(changed)

    def leave(self, own: str, result: Any) -> Any:
        path = self.model.modules.get(own)
        if path is None:
            return result
        _, call, restore = self.stack.pop()
        restore()
        caller = self.stack[-1][0] if self.stack else ""
        new = self._taps(result, path, call, "output", caller)
        return replaced(result, self.adapter.is_tensor, new)

    def dropout(self, shape: tuple[int, ...]) -> Array:
        path = self.stack[-1][0] if self.stack else ""
        self.dropout_calls[path] += 1
        return keyed(self.run.seed, "dropout", path, self.dropout_calls[path]).random(shape)

    def _taps(self, value: Any, path: str, call: int, port: Port, caller: str) -> Iterator[Tensor]:
        found = list(tensors(value, self.adapter.is_tensor))
        labels = self._paired_labels(path, call, port, [label for label, _ in found])
        new = [
            self._tap(Tap(path, call, port, label), tensor, caller)
            for label, (_, tensor) in zip(labels, found, strict=True)
        ]
        self.last = Boundary(port, path)
        return iter(new)

    def _paired_labels(self, path: str, call: int, port: Port, own: list[str]) -> list[str]:
        """Name tensors as the leading run did: by equal names, else by order."""
        theirs = self._labels.get((path, call, port), own)
        return theirs if len(theirs) == len(own) and set(theirs) != set(own) else own

    def _tap(self, tap: Tap, tensor: Tensor, caller: str) -> Tensor:
        arrived = self.adapter.to_numpy(tensor)
        self.trace.arrived[tap], self.trace.caller[tap] = arrived, caller
        self.trace.before[tap] = self.last
        if self.inject is not None:
            value = self.inject.get(tap)
            return tensor if value is None else self.adapter.constant(self.run.given(value, ""))
        if self.teacher is not None and tap not in self.teacher.passed:
            return tensor
        if is_float(arrived):
            self.weighted_outputs.append((tensor, cotangent(self._drawn(tap, arrived))))
        passed = self._passed(tap, arrived)
        if not is_float(passed):
            return self.adapter.constant(passed.copy())
        self.gradient_inputs[tap], passing = self.adapter.variable(passed)
        return passing

    def _drawn(self, tap: Tap, arrived: Array) -> Array:
        if self.teacher is not None and tap in self.teacher.drawn:
            drawn = self.teacher.drawn[tap]
            if drawn.size == arrived.size:
                return drawn.reshape(arrived.shape)
        drawn = draw_cotangent(arrived.shape, self.run.seed, *tap)
        if self.teacher is None:
            self.trace.drawn[tap] = drawn
        return drawn

    def _passed(self, tap: Tap, arrived: Array) -> Array:
        if self.teacher is not None:
            # Zero-dimensional tensors exist in one framework and not in the other.
            value = self.run.given(self.teacher.passed[tap], repr(tap))
            own = arrived.shape if arrived.size == value.size == 1 else value.shape
            return value.reshape(own)
        probed = self.run.stress_input and tap.path in self.leaves and tap.port == "input"
        value = self.run.stress_input(arrived) if probed and is_float(arrived) else arrived  # type: ignore[misc]
        passed = rounded(value)
        # Half the size, and no digit is lost: it has been rounded to float32's values.
        self.trace.passed[tap] = passed.astype(np.float32) if passed.dtype.kind == "f" else passed
        return passed

    def finish(self, outputs: Any) -> Trace:
        if self.run.loss is not None:
            loss = self.run.loss(outputs)
            self.trace.arrived[Tap("", 0, "loss", "")] = self.adapter.to_numpy(loss)
            self.trace.caller[Tap("", 0, "loss", "")] = ""
            self.trace.before[Tap("", 0, "loss", "")] = self.last
            self.weighted_outputs.append((loss, np.ones(tuple(loss.shape), np.float32)))
        own = self.adapter.parameters() | self.adapter.buffers()
        parameters = {path: own[name] for path, name in self.model.parameters.items()}
        _differentiate(
            self.adapter,
            self.weighted_outputs,
            self.gradient_inputs,
            parameters,
            self.trace,
            self.run.precision,
        )
        for path, name in self.model.buffers.items():
            self.trace.buffers[path] = self.adapter.to_numpy(own[name])
        # While the adapter can still give back what they hold.
        self.gradient_inputs.clear()
        return self.trace


def _differentiate(
    adapter: Adapter,
    weighted_outputs: list[tuple[Tensor, Array]],
    gradient_inputs: Mapping[Tap, Tensor],
    parameters: Mapping[str, Tensor],
    trace: Trace,
    precision: Precision,
) -> None:
    """Put the gradient by each source and parameter into the trace; zeros where none flows."""
    # What is wanted, where it goes, and under which name.
    wanted: list[tuple[Tensor, TensorSink[Any], Any]] = [
        *((tensor, trace.gradients, tap) for tap, tensor in gradient_inputs.items()),
        *((tensor, trace.parameters, path) for path, tensor in parameters.items()),
    ]

    def take(number: int, gradient: Array) -> None:
        _, store, key = wanted[number]
        store[key] = gradient

    adapter.vjp(weighted_outputs, [tensor for tensor, _, _ in wanted], take)
    for tensor, store, key in wanted:
        if key not in store:
            store[key] = np.zeros(tuple(tensor.shape), precision)


def _labels(teacher: Trace) -> dict[tuple[str, int, Port], list[str]]:
    labels: dict[tuple[str, int, Port], list[str]] = {}
    for tap in teacher.passed or teacher.caller:
        labels.setdefault((tap.path, tap.call, tap.port), []).append(tap.label)
    return labels


def run_isolated(
    model: BoundModel, run: Run, teacher: Trace | None = None, baseline: Trace | None = None
) -> Trace:
    """Run one side once, forward and backward, cut at every tap.

    Args:
        model: the side.
        run: how.
        teacher: the leading run's trace, whose values are forced; None makes this the leading run.
        baseline: a trace from which distances are to be kept, and no tensors.

    Raises:
        CannotCompare: the side raised.
    """
    recorder = _Recorder(
        model, run, teacher, Trace() if baseline is None else baseline.distances_from_here()
    )
    with model.running(run.precision, training=run.training):
        return recorder.finish(_called(model, run, recorder))


def run_with_injection(
    model: BoundModel, run: Run, teacher: Trace, inject: Mapping[Tap, Array]
) -> Trace:
    """Run one side forward, uncut, with the given values put in the place of its own at some taps.

    Raises:
        CannotCompare: the side raised.
    """
    return _observed(model, run, teacher, inject, Trace())


def list_calls(model: BoundModel, run: Run, teacher: Trace | None = None) -> Trace:
    """Run one side forward, uncut; in the trace is what it reached and who called it, no tensor.

    Args:
        model: the side.
        run: how.
        teacher: a trace whose names tensors are given.

    Raises:
        CannotCompare: the side raised.
    """
    return _observed(model, run, teacher, {}, Trace().distances_from_here())


def _observed(
    model: BoundModel, run: Run, teacher: Trace | None, inject: Mapping[Tap, Array], trace: Trace
) -> Trace:
    recorder = _Recorder(model, run, teacher, trace)
    recorder.inject = inject
    with model.running(run.precision, training=run.training):
        _called(model, run, recorder)
    return trace


def _called(model: BoundModel, run: Run, recorder: _Recorder) -> Any:
    """Load and call a side, recorded; return its outputs."""
    _load(model, run)
    inputs = {name: model.adapter.constant(_input(run, name)) for name in run.inputs}
    with (
        model.adapter.dropout_from(recorder.dropout),
        model.adapter.hooked(recorder.enter, recorder.leave),
    ):
        return model.adapter.call(inputs)


def run_end_to_end(model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
    """Run one side once as its user would, without taps; outputs, loss and gradients only.

    Args:
        model: the side.
        run: how.
        baseline: a trace from which distances are to be kept, and no tensors.

    Raises:
        CannotCompare: the side raised.
    """
    adapter, dropout_calls = model.adapter, iter(range(10**9))
    trace = Trace() if baseline is None else baseline.distances_from_here()
    with model.running(run.precision, training=run.training):
        _load(model, run)
        gradient_inputs: dict[Tap, Tensor] = {}
        inputs = dict(_bare_inputs(model, run, gradient_inputs))
        with adapter.dropout_from(
            lambda s: keyed(run.seed, "bare dropout", next(dropout_calls)).random(s)
        ):
            outputs = adapter.call(inputs)
        weighted_outputs = _bare_heads(model, run, outputs, trace)
        own = adapter.parameters() | adapter.buffers()
        parameters = {path: own[name] for path, name in model.parameters.items()}
        _differentiate(adapter, weighted_outputs, gradient_inputs, parameters, trace, run.precision)
    return trace


def _load(model: BoundModel, run: Run) -> None:
    model.load(run.weights, run.precision, run.given)


def _input(run: Run, name: str) -> Array:
    return run.given(rounded(run.inputs[name]), f"input {name}")


def _bare_inputs(
    model: BoundModel, run: Run, gradient_inputs: dict[Tap, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    for name in run.inputs:
        array = _input(run, name)
        if is_float(array):
            gradient_inputs[Tap("", 0, "input", name)], passing = model.adapter.variable(array)
            yield name, passing
        else:
            yield name, model.adapter.constant(array)


def _bare_heads(
    model: BoundModel, run: Run, outputs: Any, trace: Trace
) -> list[tuple[Tensor, Array]]:
    adapter = model.adapter
    weighted_outputs: list[tuple[Tensor, Array]] = []
    for label, tensor in tensors(outputs, adapter.is_tensor):
        tap = Tap("", 0, "output", label)
        trace.arrived[tap] = array = adapter.to_numpy(tensor)
        if run.loss is None and is_float(array):
            drawn = draw_cotangent(array.shape, run.seed, "bare", label)
            weighted_outputs.append((tensor, cotangent(drawn)))
    if run.loss is not None:
        loss = run.loss(outputs)
        trace.arrived[Tap("", 0, "loss", "")] = adapter.to_numpy(loss)
        weighted_outputs.append((loss, np.ones(tuple(loss.shape), np.float32)))
    return weighted_outputs
