"""Gradients of a run, computed by the framework and kept in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from parity.adapters.protocol import Tensor
from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare, RaisedInLoss
from parity.trace.bound_model import BoundModel
from parity.trace.sites import Tap

if TYPE_CHECKING:
    from parity.trace.trace import Run, Trace


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
    mapped = [] if model.weight_map is None else model.weight_map.names
    own = model.own_parameters()
    targets: list[tuple[Tensor, Any, Any]] = [
        *((source, trace.gradients, tap) for tap, source in gradient_inputs.items()),
        *((own[name], trace.parameter_gradients, p) for p, name in model.parameters.items()),
    ]
    through_map: dict[str, Array] = {}
    targets += [(own[name], through_map, name) for name in mapped]

    def on_gradient(number: int, gradient: Array) -> None:
        _, sink, key = targets[number]
        sink[key] = gradient.copy() if sink is through_map else gradient

    model.adapter.vjp(weighted_outputs, [tensor for tensor, _, _ in targets], on_gradient)
    for tensor, sink, key in targets:
        if key not in sink:
            sink[key] = np.zeros(tuple(tensor.shape), precision)
    if model.weight_map is not None:
        for path, gradient in model.weight_map.to_reference(through_map).items():
            trace.parameter_gradients[path] = gradient


def user_loss(model: BoundModel, run: Run, outputs: Any) -> Tensor:
    """Return the value of the user's loss, a tensor with one number.

    Raises:
        RaisedInLoss: the loss raised.
        CannotCompare: it returned something else; the text names the side.
    """
    assert run.loss is not None
    try:
        loss = run.loss(outputs)
    except (CannotCompare, KeyboardInterrupt):
        raise
    except BaseException as error:  # `sys.exit` too
        raise RaisedInLoss from error
    side = f"the loss of the {model.role} ({model.adapter.framework})"
    if not model.adapter.is_tensor(loss):
        raise CannotCompare(
            f"{side} is {type(loss).__name__}: return a tensor of the framework with one number"
        )
    if prod(loss.shape) != 1:
        raise CannotCompare(
            f"{side} has shape {tuple(loss.shape)}: return one number, its mean for example"
        )
    return loss
