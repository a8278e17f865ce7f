"""Runs a model as its user does: nothing is recorded inside it."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import Any

import numpy as np

from parity.adapters.protocol import Tensor
from parity.base.numerics import Array, is_float, rounded
from parity.base.rng import cotangent, draw_cotangent, keyed
from parity.nested.outputs import as_array, output_leaves, paired, structure_of
from parity.trace.bound_model import BoundModel
from parity.trace.gradients import record_gradients
from parity.trace.run_observer import ModuleStack, RunObserver
from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace


def run_end_to_end(
    model: BoundModel,
    run: Run,
    baseline: Trace | None = None,
    labels: list[str] | None = None,
) -> Trace:
    """Run one side once, forward and backward, without taps inside.

    Args:
        model: the side.
        run: its settings.
        baseline: keep each tensor's distance from this trace's instead of the tensor.
        labels: of the reference's outputs, in order, to be used where there are as many.

    Returns:
        Outputs, loss, and gradients with respect to float inputs and parameters.

    Raises:
        CannotCompare: the module raised.
    """
    trace = Trace() if baseline is None else baseline.distance_trace()
    stack = ModuleStack(model)
    observer = RunObserver(model, run, trace, stack.current)
    calls = itertools.count()

    def dropout_source(shape: tuple[int, ...]) -> Array:
        drawn = observer.dropout_numbers(shape)
        if drawn is not None:
            return drawn
        return keyed(run.seed, "bare dropout", next(calls)).random(shape)

    with model.running(run.precision, training=run.training, is_watched=run.is_watched):
        model.load(run.weights, run.precision, run.prepare)
        arguments, gradient_inputs = _inputs(model, run)
        with observer.during_run():
            # Shared draws are known by the module that makes them.
            with (
                model.adapter.dropout_from(dropout_source),
                stack.followed(observer) if run.draws == "shared" else nullcontext(),
            ):
                outputs = model.call(run.inputs, arguments)
            del arguments
            weighted_outputs = _record_outputs(model, run, outputs, trace, labels or [])
        record_gradients(model, weighted_outputs, gradient_inputs, trace, run.precision)
    return trace


def _inputs(model: BoundModel, run: Run) -> tuple[dict[str, Tensor], dict[Tap, Tensor]]:
    """Return the arguments' tensors by label, and the sources of those that have a gradient."""
    arguments: dict[str, Tensor] = {}
    sources: dict[Tap, Tensor] = {}
    for label, value in run.inputs.arrays().items():
        array = run.prepare(rounded(value), f"input {label}")
        if is_float(array):
            tap = Tap("", 0, "input", label)
            sources[tap], arguments[label] = model.adapter.variable(array)
        else:
            arguments[label] = model.adapter.constant(array)
    return arguments, sources


def _record_outputs(
    model: BoundModel, run: Run, outputs: Any, trace: Trace, labels_of_reference: list[str]
) -> list[tuple[Tensor, Array]]:
    """Record outputs and loss; return the tensors to differentiate and their cotangents.

    An output's name is that of the reference's at the same position, where there are as many; so
    its cotangent does not depend on what the sides call it.
    """
    adapter = model.adapter
    weighted_outputs: list[tuple[Tensor, Array]] = []
    found = output_leaves(outputs, adapter.is_tensor)
    trace.structure = structure_of(outputs, adapter.is_tensor)
    labels = paired(labels_of_reference, [label for label, _ in found])
    for label, (_, leaf) in zip(labels, found, strict=True):
        tap = Tap("", 0, "output", label)
        if not adapter.is_tensor(leaf):
            trace.recorded[tap] = as_array(leaf, run.precision)
            continue
        trace.recorded[tap] = array = adapter.to_numpy(leaf)
        if run.loss is None and is_float(array):
            draw = draw_cotangent(array.shape, run.seed, "bare", label)
            weighted_outputs.append((leaf, cotangent(draw)))
    if run.loss is not None:
        loss = run.loss(outputs)
        trace.recorded[Tap("", 0, "loss", "")] = adapter.to_numpy(loss)
        weighted_outputs.append((loss, np.ones(tuple(loss.shape), np.float32)))
    return weighted_outputs
