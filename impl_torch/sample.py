"""Sampling (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from impl_torch.diffusion import GaussianDiffusion
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
    model: UNet, diffusion: GaussianDiffusion, samples: Sequence[int], *, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Run the reverse chain for the samples of the given numbers.

    Yields:
        (t, x_t) for t = T, T-1, …, 0 with x_t (N, C, H, W): x_T is pure noise, the last the images.
    """
    T = diffusion.config.T
    config, weight = model.config, model.conv_in.weight
    shape = (config.image_channels, config.image_size, config.image_size)

    def draw(timestep: int) -> torch.Tensor:
        noise = streams.sampler_noise(samples, shape, seed=seed, timestep=timestep)
        return torch.from_numpy(noise).to(weight)

    x = draw(T)
    yield T, x.cpu().numpy()
    for t in reversed(range(T)):
        timestep = torch.full((len(samples),), t, dtype=torch.int64, device=weight.device)
        with torch.inference_mode():
            x = diffusion.p_sample(model, x, timestep, draw(t) if t > 0 else torch.zeros_like(x))
        yield t, x.cpu().numpy()
