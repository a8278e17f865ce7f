"""Faults of the timestep's embedding: order, frequencies, the timestep itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TIME, UNET
from audit.edits import concatenate, like

FRACTION = "https://github.com/ArchiMickey/Just-a-DiT/pull/9"
ORDER = "https://github.com/huggingface/diffusers/pull/1369"
SWAPPED = "https://github.com/flashinfer-ai/flashinfer/pull/3819"
SHIFT = "https://github.com/kohya-ss/sd-scripts/pull/1187"
INTERLEAVED = "https://github.com/huggingface/diffusers/issues/3981"
STEP = "https://github.com/huggingface/diffusers/pull/2076"


def _replace_frequencies(module: Any, *, base: float = 10000, shift: int = 1) -> None:
    """Give an embedding the frequencies base^(-i / (half - shift))."""
    half = module.channels // 2
    frequency = np.exp(np.arange(half) * (-math.log(base) / (half - shift)))

    def sinusoids(timestep: Any) -> Any:
        time = timestep.double()
        phase = time.reshape(-1, 1) * like(frequency, time).reshape(1, -1)
        return concatenate([phase.sin(), phase.cos()], 1)

    module.sinusoids = sinusoids


@mutant(
    TIME, BOTH, "", "forward", {"torch": ORDER, "jittor": SWAPPED},
    visible=lambda c: c.run.diffusion.T > 1,
)  # fmt: skip
def cosine_first(module: Any) -> None:
    """Cosines before sines."""
    sinusoids, half = module.sinusoids, module.channels // 2

    def exchanged(timestep: Any) -> Any:
        wave = sinusoids(timestep)
        return concatenate([wave[:, half:], wave[:, :half]], 1)

    module.sinusoids = exchanged


@mutant(TIME, "torch", "", "forward", INTERLEAVED, visible=lambda c: c.run.diffusion.T > 1)
def sine_and_cosine_interleaved(module: Any) -> None:
    """Sines and cosines in turn."""
    sinusoids = module.sinusoids
    module.sinusoids = lambda timestep: torch.stack(sinusoids(timestep).chunk(2, 1), 2).flatten(1)


@mutant(TIME, "torch", "", "forward", UNREPORTED, visible=lambda c: c.run.diffusion.T > 1)
def other_base_of_frequencies(module: Any) -> None:
    """Frequencies down to 1/1000 for 1/10000."""
    _replace_frequencies(module, base=1000)


@mutant(TIME, "jittor", "", "forward", SHIFT, visible=lambda c: c.run.diffusion.T > 1)
def half_for_half_minus_one(module: Any) -> None:
    """Frequencies divided by half and not by half - 1."""
    _replace_frequencies(module, shift=0)


@mutant(UNET, "torch", "time_embedding", "forward", STEP, visible=lambda c: c.run.diffusion.T > 1)
def timestep_off_by_one(unet: Any) -> None:
    """Timesteps counted from 1."""
    sinusoids = unet.time_embedding.sinusoids
    unet.time_embedding.sinusoids = lambda timestep: sinusoids(timestep + 1)


@mutant(TIME, "jittor", "", "forward", STEP, visible=lambda c: c.run.diffusion.T > 1)
def timestep_off_by_one_in_jittor(module: Any) -> None:
    """Timesteps counted from 1."""
    sinusoids = module.sinusoids
    module.sinusoids = lambda timestep: sinusoids(timestep + 1)


@mutant(TIME, "jittor", "", "forward", FRACTION, visible=lambda c: c.run.diffusion.T > 1)
def time_as_a_fraction(module: Any) -> None:
    """T / 1000, as score-based code has it."""
    sinusoids = module.sinusoids
    module.sinusoids = lambda timestep: sinusoids(timestep.float64() / 1000)
