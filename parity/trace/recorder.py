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
from typing import Any, Literal, NamedTuple

import numpy as np

from parity.adapters.protocol import Adapter, Tensor
from parity.base.numerics import Array, Precision, is_float, rounded
from parity.base.rng import cotangent, draw_cotangent, keyed
from parity.base.stress_inputs import Probe
from parity.trace.bound_model import Subject
from parity.trace.containers import replaced, substituted, tensors
from parity.trace.tensor_store import Ruler, Shelf, Store

Port = Literal["input", "output", "loss"]
Shift = Callable[..., Array]


class Tap(NamedTuple):
    """A named point: one tensor that enters or leaves one call of one module."""

    path: str
    call: int
    port: Port
    label: str


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
        between: what was met just before each tap, for describing the gap.
    """

    arrived: Store[Tap] = field(default_factory=Shelf)
    passed: Shelf[Tap] = field(default_factory=Shelf)
    drawn: Shelf[Tap] = field(default_factory=Shelf)
    gradients: Store[Tap] = field(default_factory=Shelf)
    parameters: Store[str] = field(default_factory=Shelf)
    buffers: Store[str] = field(default_factory=Shelf)
    caller: dict[Tap, str] = field(default_factory=dict)
    between: dict[Tap, str] = field(default_factory=dict)

    def ruler(self) -> Trace:
        """Return an empty trace that keeps no tensor, but how far each is from the one here."""
        return Trace(
            arrived=Ruler(self.arrived),
            gradients=Ruler(self.gradients),
            parameters=Ruler(self.parameters),
            buffers=Ruler(self.buffers),
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
    probe: Probe | None = None
    shift: Callable[[Array, str], Array] | None = None

    def given(self, array: Array, name: str) -> Array:
        """Copy an array as this run takes it in: shifted, floats in its precision."""
        if array.dtype.kind != "f":
            return array.copy()
        return array.astype(self.precision) if self.shift is None else self.shift(array, name)


class _Recorder:
    def __init__(self, subject: Subject, run: Run, lead: Trace | None, trace: Trace) -> None:
        self.subject, self.adapter, self.run, self.lead = subject, subject.adapter, run, lead
        self.trace = trace
        self.heads: list[tuple[Tensor, Array]] = []
        self.sources: dict[Tap, Tensor] = {}
        self.calls: Counter[str] = Counter()
        self.stack: list[tuple[str, int, Callable[[], None]]] = []
        self.drops: Counter[str] = Counter()
        self.leaves = subject.leaves()
        self.last = "the start"
        # With tensors to inject, the run is left uncut but for those.
        self.inject: Mapping[Tap, Array] | None = None
        self._labels = _labels(lead) if lead else {}

    def enter(self, own: str, arguments: dict[str, Any]) -> dict[str, Any]:
        path = self.subject.modules.get(own)
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
        path = self.subject.modules.get(own)
        if path is None:
            return result
        _, call, restore = self.stack.pop()
        restore()
        caller = self.stack[-1][0] if self.stack else ""
        new = self._taps(result, path, call, "output", caller)
        return replaced(result, self.adapter.is_tensor, new)

    def drop(self, shape: tuple[int, ...]) -> Array:
        path = self.stack[-1][0] if self.stack else ""
        self.drops[path] += 1
        return keyed(self.run.seed, "dropout", path, self.drops[path]).random(shape)

    def _taps(self, value: Any, path: str, call: int, port: Port, caller: str) -> Iterator[Tensor]:
        found = list(tensors(value, self.adapter.is_tensor))
        labels = self._paired_labels(path, call, port, [label for label, _ in found])
        new = [
            self._tap(Tap(path, call, port, label), tensor, caller)
            for label, (_, tensor) in zip(labels, found, strict=True)
        ]
        self.last = f"{port} of {path or 'the model'}"
        return iter(new)

    def _paired_labels(self, path: str, call: int, port: Port, own: list[str]) -> list[str]:
        """Name tensors as the leading run did: by equal names, else by order."""
        theirs = self._labels.get((path, call, port), own)
        return theirs if len(theirs) == len(own) and set(theirs) != set(own) else own

    def _tap(self, tap: Tap, tensor: Tensor, caller: str) -> Tensor:
        arrived = self.adapter.to_numpy(tensor)
        self.trace.arrived[tap], self.trace.caller[tap] = arrived, caller
        self.trace.between[tap] = self.last
        if self.inject is not None:
            value = self.inject.get(tap)
            return tensor if value is None else self.adapter.constant(self.run.given(value, ""))
        if self.lead is not None and tap not in self.lead.passed:
            return tensor
        if is_float(arrived):
            self.heads.append((tensor, cotangent(self._drawn(tap, arrived))))
        passed = self._passed(tap, arrived)
        if not is_float(passed):
            return self.adapter.constant(passed.copy())
        self.sources[tap], passing = self.adapter.variable(passed)
        return passing

    def _drawn(self, tap: Tap, arrived: Array) -> Array:
        if self.lead is not None and tap in self.lead.drawn:
            drawn = self.lead.drawn[tap]
            if drawn.size == arrived.size:
                return drawn.reshape(arrived.shape)
        drawn = draw_cotangent(arrived.shape, self.run.seed, *tap)
        if self.lead is None:
            self.trace.drawn[tap] = drawn
        return drawn

    def _passed(self, tap: Tap, arrived: Array) -> Array:
        if self.lead is not None:
            # Zero-dimensional tensors exist in one framework and not in the other.
            value = self.run.given(self.lead.passed[tap], repr(tap))
            own = arrived.shape if arrived.size == value.size == 1 else value.shape
            return value.reshape(own)
        probed = self.run.probe and tap.path in self.leaves and tap.port == "input"
        value = self.run.probe(arrived) if probed and is_float(arrived) else arrived  # type: ignore[misc]
        passed = rounded(value)
        # Half the size, and no digit is lost: it has been rounded to float32's values.
        self.trace.passed[tap] = passed.astype(np.float32) if passed.dtype.kind == "f" else passed
        return passed

    def finish(self, outputs: Any) -> Trace:
        if self.run.loss is not None:
            loss = self.run.loss(outputs)
            self.trace.arrived[Tap("", 0, "loss", "")] = self.adapter.to_numpy(loss)
            self.trace.caller[Tap("", 0, "loss", "")] = ""
            self.trace.between[Tap("", 0, "loss", "")] = self.last
            self.heads.append((loss, np.ones(tuple(loss.shape), np.float32)))
        own = self.adapter.parameters() | self.adapter.buffers()
        parameters = {path: own[name] for path, name in self.subject.parameters.items()}
        _differentiate(
            self.adapter, self.heads, self.sources, parameters, self.trace, self.run.precision
        )
        for path, name in self.subject.buffers.items():
            self.trace.buffers[path] = self.adapter.to_numpy(own[name])
        # While the adapter can still give back what they hold.
        self.sources.clear()
        return self.trace


def _differentiate(
    adapter: Adapter,
    heads: list[tuple[Tensor, Array]],
    sources: Mapping[Tap, Tensor],
    parameters: Mapping[str, Tensor],
    trace: Trace,
    precision: Precision,
) -> None:
    """Put the gradient by each source and parameter into the trace; zeros where none flows."""
    # What is wanted, where it goes, and under which name.
    wanted: list[tuple[Tensor, Store[Any], Any]] = [
        *((tensor, trace.gradients, tap) for tap, tensor in sources.items()),
        *((tensor, trace.parameters, path) for path, tensor in parameters.items()),
    ]

    def take(number: int, gradient: Array) -> None:
        _, store, key = wanted[number]
        store[key] = gradient

    adapter.vjp(heads, [tensor for tensor, _, _ in wanted], take)
    for tensor, store, key in wanted:
        if key not in store:
            store[key] = np.zeros(tuple(tensor.shape), precision)


def _labels(lead: Trace) -> dict[tuple[str, int, Port], list[str]]:
    labels: dict[tuple[str, int, Port], list[str]] = {}
    for tap in lead.passed or lead.caller:
        labels.setdefault((tap.path, tap.call, tap.port), []).append(tap.label)
    return labels


def cut_run(
    subject: Subject, run: Run, lead: Trace | None = None, still: Trace | None = None
) -> Trace:
    """Run one side once, forward and backward, cut at every tap.

    Args:
        subject: the side.
        run: how.
        lead: the leading run's trace, whose values are forced; None makes this the leading run.
        still: a trace from which distances are to be kept, and no tensors.

    Raises:
        CannotCompare: the side raised.
    """
    recorder = _Recorder(subject, run, lead, Trace() if still is None else still.ruler())
    with subject.running(run.precision, training=run.training):
        return recorder.finish(_called(subject, run, recorder))


def observed_run(subject: Subject, run: Run, lead: Trace, inject: Mapping[Tap, Array]) -> Trace:
    """Run one side forward, uncut, with the given values put in the place of its own at some taps.

    Raises:
        CannotCompare: the side raised.
    """
    return _observed(subject, run, lead, inject, Trace())


def roll_call(subject: Subject, run: Run, lead: Trace | None = None) -> Trace:
    """Run one side forward, uncut; in the trace is what it reached and who called it, no tensor.

    Args:
        subject: the side.
        run: how.
        lead: a trace whose names tensors are given.

    Raises:
        CannotCompare: the side raised.
    """
    return _observed(subject, run, lead, {}, Trace().ruler())


def _observed(
    subject: Subject, run: Run, lead: Trace | None, inject: Mapping[Tap, Array], trace: Trace
) -> Trace:
    recorder = _Recorder(subject, run, lead, trace)
    recorder.inject = inject
    with subject.running(run.precision, training=run.training):
        _called(subject, run, recorder)
    return trace


def _called(subject: Subject, run: Run, recorder: _Recorder) -> Any:
    """Load and call a side, recorded; return its outputs."""
    _load(subject, run)
    inputs = {name: subject.adapter.constant(_input(run, name)) for name in run.inputs}
    with (
        subject.adapter.dropping(recorder.drop),
        subject.adapter.watching(recorder.enter, recorder.leave),
    ):
        return subject.adapter.call(inputs)


def bare_run(subject: Subject, run: Run, still: Trace | None = None) -> Trace:
    """Run one side once as its user would, without taps; outputs, loss and gradients only.

    Args:
        subject: the side.
        run: how.
        still: a trace from which distances are to be kept, and no tensors.

    Raises:
        CannotCompare: the side raised.
    """
    adapter, drops = subject.adapter, iter(range(10**9))
    trace = Trace() if still is None else still.ruler()
    with subject.running(run.precision, training=run.training):
        _load(subject, run)
        sources: dict[Tap, Tensor] = {}
        inputs = dict(_bare_inputs(subject, run, sources))
        with adapter.dropping(lambda s: keyed(run.seed, "bare dropout", next(drops)).random(s)):
            outputs = adapter.call(inputs)
        heads = _bare_heads(subject, run, outputs, trace)
        own = adapter.parameters() | adapter.buffers()
        parameters = {path: own[name] for path, name in subject.parameters.items()}
        _differentiate(adapter, heads, sources, parameters, trace, run.precision)
    return trace


def _load(subject: Subject, run: Run) -> None:
    subject.load(run.weights, run.precision, run.given)


def _input(run: Run, name: str) -> Array:
    return run.given(rounded(run.inputs[name]), f"input {name}")


def _bare_inputs(
    subject: Subject, run: Run, sources: dict[Tap, Tensor]
) -> Iterator[tuple[str, Tensor]]:
    for name in run.inputs:
        array = _input(run, name)
        if is_float(array):
            sources[Tap("", 0, "input", name)], passing = subject.adapter.variable(array)
            yield name, passing
        else:
            yield name, subject.adapter.constant(array)


def _bare_heads(
    subject: Subject, run: Run, outputs: Any, trace: Trace
) -> list[tuple[Tensor, Array]]:
    adapter = subject.adapter
    heads: list[tuple[Tensor, Array]] = []
    for label, tensor in tensors(outputs, adapter.is_tensor):
        tap = Tap("", 0, "output", label)
        trace.arrived[tap] = array = adapter.to_numpy(tensor)
        if run.loss is None and is_float(array):
            drawn = draw_cotangent(array.shape, run.seed, "bare", label)
            heads.append((tensor, cotangent(drawn)))
    if run.loss is not None:
        loss = run.loss(outputs)
        trace.arrived[Tap("", 0, "loss", "")] = adapter.to_numpy(loss)
        heads.append((loss, np.ones(tuple(loss.shape), np.float32)))
    return heads
