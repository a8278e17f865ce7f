"""Gradients of a run, computed by the framework and kept in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.adapters.protocol import Tensor
from parity.base.numerics import Array, Precision
from parity.trace.bound_model import BoundModel
from parity.trace.sites import Tap
from parity.trace.tensor_store import TensorSink
from parity.trace.trace import Trace


def record_gradients(
    model: BoundModel,
    weighted_outputs: list[tuple[Tensor, Array]],
    gradient_inputs: Mapping[Tap, Tensor],
    trace: Trace,
    precision: Precision,
) -> None:
    """Put the gradients of sum(tensor * cotangent) into a trace; zeros where none flows.

    Args:
        model: its parameters' gradients go to `trace.parameter_gradients`.
        weighted_outputs: tensors and their cotangents; emptied, so that memory is freed early.
        gradient_inputs: sources from `Adapter.variable`; their gradients go to `trace.gradients`.
        trace: to put them into.
        precision: dtype of the zeros.
    """
    tensors = model.adapter.parameters() | model.adapter.buffers()
    targets: list[tuple[Tensor, TensorSink[Any], Any]] = [
        *((source, trace.gradients, tap) for tap, source in gradient_inputs.items()),
        *(
            (tensors[name], trace.parameter_gradients, path)
            for path, name in model.parameters.items()
        ),
    ]

    def on_gradient(number: int, gradient: Array) -> None:
        _, sink, key = targets[number]
        sink[key] = gradient

    model.adapter.vjp(weighted_outputs, [tensor for tensor, _, _ in targets], on_gradient)
    for tensor, sink, key in targets:
        if key not in sink:
            sink[key] = np.zeros(tuple(tensor.shape), precision)
