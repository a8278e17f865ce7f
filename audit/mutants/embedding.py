"""Faults of the timestep's embedding: order, frequencies, the timestep itself."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import torch
from torch import Tensor

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import TIME, UNET
from impl_jittor.operators import constant

FRACTION = "https://github.com/ArchiMickey/Just-a-DiT/pull/9"
ORDER = "https://github.com/huggingface/diffusers/pull/1369"
SWAPPED = "https://github.com/flashinfer-ai/flashinfer/pull/3819"
SHIFT = "https://github.com/kohya-ss/sd-scripts/pull/1187"
INTERLEAVED = "https://github.com/huggingface/diffusers/issues/3981"
STEP = "https://github.com/huggingface/diffusers/pull/2076"


def _phase(module: Any, timestep: Tensor, base: float = 10000, shift: int = 1) -> Tensor:
    half = module.channels // 2
    index = torch.arange(half, dtype=torch.float64)
    return timestep.double()[:, None] * torch.exp(index * (-math.log(base) / (half - shift)))


def _phase_jt(module: Any, timestep: Any, base: float = 10000, shift: int = 1) -> Any:
    half = module.channels // 2
    index = jt.arange(half).float64()
    frequency = jt.exp(index * constant(-math.log(base) / (half - shift), index))
    return timestep.float64().unsqueeze(1) * frequency.unsqueeze(0)


@mutant(TIME, "torch", "", "forward", ORDER)
def cosine_first(module: Any) -> None:
    """Cosines before sines."""

    def sinusoids(timestep: Tensor) -> Tensor:
        phase = _phase(module, timestep)
        return torch.cat([phase.cos(), phase.sin()], 1)

    module.sinusoids = sinusoids


@mutant(TIME, "jittor", "", "forward", SWAPPED)
def cosine_first_in_jittor(module: Any) -> None:
    """Cosines before sines."""

    def sinusoids(timestep: Any) -> Any:
        phase = _phase_jt(module, timestep)
        return jt.concat([phase.cos(), phase.sin()], dim=1)

    module.sinusoids = sinusoids


@mutant(TIME, "torch", "", "forward", INTERLEAVED)
def sine_and_cosine_interleaved(module: Any) -> None:
    """Sines and cosines in turn."""

    def sinusoids(timestep: Tensor) -> Tensor:
        phase = _phase(module, timestep)
        return torch.stack([phase.sin(), phase.cos()], 2).flatten(1)

    module.sinusoids = sinusoids


@mutant(TIME, "torch", "", "forward", UNREPORTED)
def other_base_of_frequencies(module: Any) -> None:
    """Frequencies down to 1/1000 for 1/10000."""

    def sinusoids(timestep: Tensor) -> Tensor:
        phase = _phase(module, timestep, base=1000)
        return torch.cat([phase.sin(), phase.cos()], 1)

    module.sinusoids = sinusoids


@mutant(TIME, "jittor", "", "forward", SHIFT)
def half_for_half_minus_one(module: Any) -> None:
    """Frequencies divided by half and not by half - 1."""

    def sinusoids(timestep: Any) -> Any:
        phase = _phase_jt(module, timestep, shift=0)
        return jt.concat([phase.sin(), phase.cos()], dim=1)

    module.sinusoids = sinusoids


@mutant(UNET, "torch", "time_embedding", "forward", STEP)
def timestep_off_by_one(unet: Any) -> None:
    """Timesteps counted from 1."""
    sinusoids = unet.time_embedding.sinusoids
    unet.time_embedding.sinusoids = lambda timestep: sinusoids(timestep + 1)


@mutant(TIME, "jittor", "", "forward", STEP)
def timestep_off_by_one_in_jittor(module: Any) -> None:
    """Timesteps counted from 1."""
    sinusoids = module.sinusoids
    module.sinusoids = lambda timestep: sinusoids(timestep + 1)


@mutant(TIME, "jittor", "", "forward", FRACTION)
def time_as_a_fraction(module: Any) -> None:
    """T / 1000, as score-based code has it."""
    sinusoids = module.sinusoids
    module.sinusoids = lambda timestep: sinusoids(timestep.float64() / 1000)
