"""Faults of precision: a detour by a narrower type."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np
import torch
from torch import Tensor

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import RESIDUAL, TIME, UNET

TF32 = "https://github.com/keras-team/keras/pull/22905"
PHASE = "https://github.com/huggingface/diffusers/pull/182"


@mutant(RESIDUAL, "torch", "conv1", "forward", UNREPORTED)
def by_way_of_float16(block: Any) -> None:
    """A convolution's result kept in float16 for a moment."""
    forward = block.conv1.forward
    block.conv1.forward = lambda input: forward(input).half().to(input.dtype)


@mutant(UNET, "torch", "conv_in", "forward", UNREPORTED)
def by_way_of_bfloat16(unet: Any) -> None:
    """A convolution's result kept in bfloat16 for a moment."""
    forward = unet.conv_in.forward
    unet.conv_in.forward = lambda input: forward(input).bfloat16().to(input.dtype)


def _ten_bits(x: Tensor) -> Tensor:
    bits = x.detach().float().view(torch.int32) & ~0x1FFF
    return x + (bits.view(torch.float32).to(x.dtype) - x).detach()


@mutant(RESIDUAL, "torch", "conv2", "forward", TF32)
def operands_in_tf32(block: Any) -> None:
    """A convolution whose operand keeps ten bits, as TF32's does."""
    forward = block.conv2.forward
    block.conv2.forward = lambda input: forward(_ten_bits(input))


@mutant(RESIDUAL, "jittor", "conv2", "forward", TF32)
def operands_in_tf32_in_jittor(block: Any) -> None:
    """A convolution whose operand keeps ten bits, as TF32's does."""
    execute = block.conv2.execute

    def narrow(x: Any) -> Any:
        bits = x.numpy().astype(np.float32).view(np.int32) & ~0x1FFF
        kept = jt.array64(bits.view(np.float32)).cast(x.dtype)
        return execute(x + (kept - x).stop_grad())

    block.conv2.execute = narrow


@mutant(RESIDUAL, "jittor", "conv1", "forward", UNREPORTED)
def rounded_to_eight_bits(block: Any) -> None:
    """A convolution's result with bfloat16's eight bits."""
    execute = block.conv1.execute

    def narrow(x: Any) -> Any:
        y = execute(x)
        bits = y.numpy().astype(np.float32).view(np.int32) & ~0xFFFF
        return y + (jt.array64(bits.view(np.float32)).cast(y.dtype) - y).stop_grad()

    block.conv1.execute = narrow


@mutant(TIME, "torch", "", "forward", PHASE)
def phase_in_float32(module: Any) -> None:
    """Phases of up to 1,000 rad computed in float32."""
    half = module.channels // 2

    def sinusoids(timestep: Tensor) -> Tensor:
        frequency = torch.exp(
            torch.arange(half, dtype=torch.float32) * (-math.log(10000) / (half - 1))
        )
        phase = timestep.float()[:, None] * frequency
        return torch.cat([phase.sin(), phase.cos()], 1)

    module.sinusoids = sinusoids


@mutant(TIME, "jittor", "", "forward", PHASE)
def phase_in_float32_in_jittor(module: Any) -> None:
    """Phases of up to 1,000 rad computed in float32."""
    half = module.channels // 2

    def sinusoids(timestep: Any) -> Any:
        index = np.arange(half, dtype=np.float32)
        frequency = np.exp(index * np.float32(-math.log(10000) / (half - 1)))
        phase = timestep.numpy().astype(np.float32)[:, None] * frequency
        return jt.array64(np.concatenate([np.sin(phase), np.cos(phase)], 1))

    module.sinusoids = sinusoids
