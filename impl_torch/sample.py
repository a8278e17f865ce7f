"""Sampling (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from impl_torch.samplers import Sampler
from impl_torch.unet import UNet


def load_model(
    checkpoint: Checkpoint, dtype: str = "float32", device: str = "cpu", *, averaged: bool = True
) -> UNet:
    """Build the checkpoint's U-Net for sampling, from its averaged or its last weights."""
    model = UNet(checkpoint.config.unet).to(device, getattr(torch, dtype))
    weights = checkpoint.ema if averaged else checkpoint.weights
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


def p_sample_loop(
    model: UNet, sampler: Sampler, samples: Sequence[int], *, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Run the reverse chain for the samples of the given numbers (algorithm 2).

    Yields:
        (t, x_t) with x_t (N, C, H, W), for t = T, where x_T is pure noise, then after each step; t
        falls to 0, where x_0 are the images. With all T timesteps visited: T, T-1, …, 0.
    """
    config, weight = model.config, model.conv_in.weight
    shape = (config.image_channels, config.image_size, config.image_size)
    reached = (0, *(timestep + 1 for timestep in sampler.timesteps))

    def draw(timestep: int) -> torch.Tensor:
        noise = streams.sampler_noise(samples, shape, seed=seed, timestep=timestep)
        return torch.from_numpy(noise).to(weight)

    x = draw(reached[-1])
    yield reached[-1], x.cpu().numpy()
    for i, timestep in reversed(list(enumerate(sampler.timesteps))):
        with torch.inference_mode():
            x = sampler.step(model, x, i, draw(timestep) if i > 0 else torch.zeros_like(x))
        yield reached[i], x.cpu().numpy()
