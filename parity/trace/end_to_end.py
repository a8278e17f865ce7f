"""Runs a model as its user does: nothing is recorded inside it."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import Any

import numpy as np

from parity.adapters.protocol import Tensor
from parity.base.numerics import Array, is_float, rounded
from parity.base.rng import cotangent_of, draw_cotangent_of, keyed
from parity.nested.outputs import as_array, output_leaves, structure_of
from parity.trace.bound_model import BoundModel
from parity.trace.gradients import record_gradients, user_loss
from parity.trace.run_observer import ModuleStack, RunObserver
from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace


def run_end_to_end(model: BoundModel, run: Run, baseline: Trace | None = None) -> Trace:
    """Run one side once, forward and backward, without taps inside.

    Args:
        model: the side.
        run: its settings.
        baseline: keep each tensor's distance from this trace's instead of the tensor.

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
            weighted_outputs = _record_outputs(model, run, outputs, trace)
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
    model: BoundModel, run: Run, outputs: Any, trace: Trace
) -> list[tuple[Tensor, Array]]:
    """Record outputs and loss; return the tensors to differentiate and their cotangents.

    An output has the reference's label, so its cotangent does not depend on what the sides call it.
    One that the other side does not have is not differentiated: its structure is what differs.
    """
    adapter, names = model.adapter, model.outputs
    weighted_outputs: list[tuple[Tensor, Array]] = []
    trace.structure = structure_of(outputs, adapter.is_tensor)
    taken = set() if names is None else set(names.labels.values())
    for leaf in output_leaves(outputs, adapter.is_tensor):
        label = leaf.label if names is None else names.labels.get(leaf.label)
        if label is None and leaf.label in taken:
            continue  # another output of the reference has this label
        tap = Tap("", 0, "output", leaf.label if label is None else label)
        if not leaf.is_tensor:
            trace.recorded[tap] = as_array(leaf.value, run.precision)
            continue
        trace.recorded[tap] = array = adapter.to_numpy(leaf.value)
        is_wanted = names is None or label in names.tensors
        if run.loss is None and is_wanted and is_float(array):
            draw = draw_cotangent_of(array, run.seed, "bare", tap.label)
            weighted_outputs.append((leaf.value, cotangent_of(array, draw)))
    if run.loss is not None:
        loss = user_loss(model, run, outputs)
        trace.recorded[Tap("", 0, "loss", "")] = adapter.to_numpy(loss)
        weighted_outputs.append((loss, np.ones(tuple(loss.shape), np.float32)))
    return weighted_outputs
