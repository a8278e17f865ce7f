"""Faults of extreme values: one NaN, a clamp at float16's largest number."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from audit.case import BOTH, mutant, never
from audit.correct_pairs import RESIDUAL
from audit.edits import like, wrap_call
from audit.layer_zoo import LAYERS

NAN = "reprod_log and others pass NaN, for NaN > threshold is false"
CLAMP = "transformers clamps to 65504, float16's largest, in every type"


@mutant(RESIDUAL, "torch", "conv2", "forward", NAN)
def one_nan(block: Any) -> None:
    """One element of a convolution's result is NaN."""
    forward = block.conv2.forward

    def with_nan(input: Tensor) -> Tensor:
        y = forward(input)
        spot = torch.zeros_like(y)
        spot[0, 0, 0, 0] = torch.nan
        return y + spot

    block.conv2.forward = with_nan


@mutant(LAYERS, "jittor", "square", "forward", NAN)
def one_nan_in_jittor(model: Any) -> None:
    """One element of a linear layer's result is NaN."""
    execute = model.square.execute

    def with_nan(x: Any) -> Any:
        y = execute(x)
        spot = y.numpy() * 0
        spot[0, 0, 0] = float("nan")
        return y + like(spot, y).stop_grad()

    model.square.execute = with_nan


# The inputs of drawn configurations do not reach such values.
@mutant(RESIDUAL, BOTH, "conv1", "forward", CLAMP, visible=never)
def clamped_at_65504(block: Any) -> None:
    """A convolution's result held within float16's range."""
    wrap_call(block.conv1, lambda call: lambda x: call(x).clamp(-65504, 65504))
