"""Sampling (Ho et al. 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

import jittor as jt
import numpy as np

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from impl_jittor.operators import overwrite
from impl_jittor.samplers import Sampler
from impl_jittor.unet import UNet


def load_model(
    checkpoint: Checkpoint, dtype: str = "float32", device: str = "cpu", *, averaged: bool = True
) -> UNet:
    """Build the checkpoint's U-Net for sampling, from its averaged or its last weights."""
    jt.flags.use_cuda = int(device == "cuda")
    model = getattr(UNet(checkpoint.config.unet), dtype)()
    weights = checkpoint.ema if averaged else checkpoint.weights
    for name, parameter in model.named_parameters():
        overwrite(parameter, weights[name])
    jt.sync_all()  # a pending array of one element, fused into a broadcast, does not compile
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

    def draw(timestep: int) -> jt.Var:
        noise = streams.sampler_noise(samples, shape, seed=seed, timestep=timestep)
        return jt.array(noise).cast(weight.dtype)

    x = draw(sampler.diffusion.config.T)
    yield reached[-1], x.numpy()
    for i, timestep in reversed(list(enumerate(sampler.timesteps))):
        fresh = i > 0 and sampler.adds_noise
        with jt.no_grad():
            noise = draw(timestep) if fresh else jt.zeros_like(x)
            x = sampler.step(model, x, i, noise)
        yield reached[i], x.numpy()
