"""Samplers: how x_{t-1} follows from x_t and the noise that the network predicts.

Each is one function, entered in `STEPS` by its name in `ddpm.config.SAMPLERS`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ddpm.config import SampleConfig
from impl_torch.diffusion import GaussianDiffusion, NoisePredictor
from impl_torch.schedule import extract

Step = Callable[[GaussianDiffusion, Tensor, Tensor, Tensor, Tensor], Tensor]


def ddpm(
    diffusion: GaussianDiffusion, x_t: Tensor, timestep: Tensor, predicted: Tensor, noise: Tensor
) -> Tensor:
    """Draw x_{t-1} from p_theta(x_{t-1} | x_t) (Ho et al. 2020, algorithm 2, line 4).

    Args:
        diffusion: the process over the visited timesteps.
        x_t: (N, C, H, W).
        timestep: integer (N,), positions among the visited timesteps.
        predicted: the noise in x_t as the network predicts it, (N, C, H, W).
        noise: drawn from N(0, I), (N, C, H, W); not added at position 0.
    """
    sigma = extract(diffusion.schedule.sigma, timestep, x_t)
    return diffusion.p_mean(x_t, timestep, predicted) + sigma * noise


STEPS: dict[str, Step] = {"ddpm": ddpm}


class Sampler:
    """A sampler and the timesteps that it visits, S of the T training timesteps.

    Attributes:
        timesteps: the visited ones, ascending.
        diffusion: the process over them, whose tables have a row for each.
    """

    def __init__(self, diffusion: GaussianDiffusion, config: SampleConfig) -> None:
        self.timesteps = config.timesteps(diffusion.config.T)
        self.diffusion = diffusion
        if len(self.timesteps) < diffusion.config.T:
            self.diffusion = GaussianDiffusion(diffusion.config, self.timesteps)
        self.function = STEPS[config.sampler]

    def step(self, model: NoisePredictor, x_t: Tensor, position: int, noise: Tensor) -> Tensor:
        """Go from the timestep at a position, S-1 … 0, to the one before; from 0 to the images."""
        predicted = model(x_t, full(self.timesteps[position], x_t))
        return self.function(self.diffusion, x_t, full(position, x_t), predicted, noise)


def full(value: int, like: Tensor) -> Tensor:
    """Return one integer for each image of `like`, int64 (N,)."""
    return torch.full((len(like),), value, dtype=torch.int64, device=like.device)
