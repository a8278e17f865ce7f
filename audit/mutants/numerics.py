"""Faults of extreme values: one NaN, a clamp at float16's largest number."""

from __future__ import annotations

from typing import Any

import jittor as jt
import torch
from torch import Tensor

from audit.case import mutant
from audit.correct_pairs import RESIDUAL
from audit.layer_zoo import LAYERS

NAN = "reprod_log and others pass NaN, for NaN > threshold is false"
CLAMP = "transformers clamps to 65504, float16's largest, in every type"


@mutant(RESIDUAL, "torch", "conv2", "forward", NAN)
def one_nan(block: Any) -> None:
    """One element of a convolution's result is NaN."""
    forward = block.conv2.forward

    def spoiled(input: Tensor) -> Tensor:
        y = forward(input)
        spot = torch.zeros_like(y)
        spot[0, 0, 0, 0] = torch.nan
        return y + spot

    block.conv2.forward = spoiled


@mutant(LAYERS, "jittor", "square", "forward", NAN)
def one_nan_in_jittor(model: Any) -> None:
    """One element of a linear layer's result is NaN."""
    execute = model.square.execute

    def spoiled(x: Any) -> Any:
        y = execute(x)
        spot = y.numpy() * 0
        spot[0, 0, 0] = float("nan")
        return y + jt.array64(spot).cast(y.dtype).stop_grad()

    model.square.execute = spoiled


@mutant(RESIDUAL, "torch", "conv1", "forward", CLAMP)
def clamped_at_65504(block: Any) -> None:
    """A convolution's result held within float16's range."""
    forward = block.conv1.forward
    block.conv1.forward = lambda input: forward(input).clamp(-65504, 65504)


@mutant(RESIDUAL, "jittor", "conv1", "forward", CLAMP)
def clamped_at_65504_in_jittor(block: Any) -> None:
    """A convolution's result held within float16's range."""
    execute = block.conv1.execute
    block.conv1.execute = lambda x: jt.clamp(execute(x), -65504, 65504)
