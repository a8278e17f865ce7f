"""Faults of precision: values that pass through a narrower type, unseen by the framework.

A framework's own cast follows the precision of a run, and is judged as a loss of digits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import RESIDUAL, TIME, UNET
from audit.edits import concatenate, like, wrap_call

TF32 = "https://github.com/keras-team/keras/pull/22905"
PHASE = "https://github.com/huggingface/diffusers/pull/182"
# Bits of a float32 that TF32 and bfloat16 drop.
TF32_DROPS, BFLOAT16_DROPS = 0x1FFF, 0xFFFF


def _without_bits(x: Any, bits: int) -> Any:
    """Clear bits of a tensor's float32 values; the gradient passes as through the identity."""
    kept = x.detach().numpy().astype(np.float32).view(np.int32) & ~bits
    return x + (like(kept.view(np.float32), x) - x).detach()


@mutant(RESIDUAL, "torch", "conv1", "forward", UNREPORTED)
def by_way_of_float16(block: Any) -> None:
    """A convolution's result kept in NumPy's float16 for a moment, in every precision."""

    def kept(x: Any) -> Any:
        with np.errstate(over="ignore"):
            narrow = x.detach().numpy().astype(np.float16).astype(np.float32)
        return x + (like(narrow, x) - x).detach()

    wrap_call(block.conv1, lambda call: lambda x: kept(call(x)))


@mutant(UNET, "torch", "conv_in", "forward", UNREPORTED)
def by_way_of_bfloat16(unet: Any) -> None:
    """A convolution's result cut to bfloat16's eight bits for a moment, in every precision."""
    wrap_call(unet.conv_in, lambda call: lambda x: _without_bits(call(x), BFLOAT16_DROPS))


@mutant(RESIDUAL, BOTH, "conv2", "forward", TF32)
def operands_in_tf32(block: Any) -> None:
    """A convolution whose operand keeps ten bits, as TF32's does."""
    wrap_call(block.conv2, lambda call: lambda x: call(_without_bits(x, TF32_DROPS)))


@mutant(RESIDUAL, "jittor", "conv1", "forward", UNREPORTED)
def rounded_to_eight_bits(block: Any) -> None:
    """A convolution's result with bfloat16's eight bits."""
    wrap_call(block.conv1, lambda call: lambda x: _without_bits(call(x), BFLOAT16_DROPS))


@mutant(TIME, BOTH, "", "forward", PHASE, visible=lambda c: c.run.diffusion.T > 1)
def phase_in_float32(module: Any) -> None:
    """Phases of up to 1,000 rad computed in float32."""
    half = module.channels // 2
    index = np.arange(half, dtype=np.float32)
    frequency = np.exp(index * np.float32(-math.log(10000) / (half - 1)))

    def sinusoids(timestep: Any) -> Any:
        time = timestep.float()
        phase = time.reshape(-1, 1) * like(frequency, time).reshape(1, -1)
        return concatenate([phase.sin(), phase.cos()], 1)

    module.sinusoids = sinusoids
