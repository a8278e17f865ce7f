"""Sampling (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

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
        (t, x_t) with x_t (N, C, H, W), at first of pure noise, then after each step; t falls from
        the last visited timestep + 1 to 0, where x_0 are the images. With all visited: T, …, 0.
    """
    config, weight = model.config, model.conv_in.weight
    sampler = copy(sampler)  # what a chain remembers of its last step is its own
    shape = (config.image_channels, config.image_size, config.image_size)
    reached = (0, *(timestep + 1 for timestep in sampler.timesteps))

    def draw(timestep: int) -> torch.Tensor:
        noise = streams.sampler_noise(samples, shape, seed=seed, timestep=timestep)
        return torch.from_numpy(noise).to(weight)

    x = draw(sampler.diffusion.config.T)
    yield reached[-1], x.cpu().numpy()
    for i, timestep in reversed(list(enumerate(sampler.timesteps))):
        fresh = i > 0 and sampler.adds_noise
        with torch.inference_mode():
            noise = draw(timestep) if fresh else torch.zeros_like(x)
            x = sampler.step(model, x, i, noise)
        yield reached[i], x.cpu().numpy()
