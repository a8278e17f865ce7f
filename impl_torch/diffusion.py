"""The diffusion process: q, p and the loss (Ho et al. 2020, sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor

from ddpm.config import DiffusionConfig
from impl_torch.schedule import Schedule, extract

NoisePredictor = Callable[[Tensor, Tensor], Tensor]


class GaussianDiffusion:
    """Forward and reverse process. Images are (N, C, H, W), timesteps integer (N,) in 0 … T-1.

    Args:
        config: the process over all T timesteps.
        timesteps: those of them that it runs over, S in number and ascending; None for all. Every
            `timestep` that a method takes is then a position among them, 0 … S-1.
    """

    def __init__(self, config: DiffusionConfig, timesteps: Sequence[int] | None = None) -> None:
        self.config = config
        self.schedule = Schedule(config, timesteps)

    def q_sample(self, x_0: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Draw x_t from q(x_t | x_0) with the given noise (eq. 4)."""
        signal = extract(self.schedule.sqrt_alpha_bar, timestep, x_0)
        spread = extract(self.schedule.sqrt_one_minus_alpha_bar, timestep, x_0)
        return signal * x_0 + spread * noise

    def q_posterior_mean(self, x_0: Tensor, x_t: Tensor, timestep: Tensor) -> Tensor:
        """Return the mean of q(x_{t-1} | x_t, x_0) (eq. 7)."""
        weight_x0 = extract(self.schedule.posterior_mean_x0, timestep, x_t)
        weight_xt = extract(self.schedule.posterior_mean_xt, timestep, x_t)
        return weight_x0 * x_0 + weight_xt * x_t

    def predict_x0(self, x_t: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Return the x_0 that x_t and its noise imply (eq. 4 solved for x_0)."""
        signal = extract(self.schedule.sqrt_alpha_bar, timestep, x_t)
        spread = extract(self.schedule.sqrt_one_minus_alpha_bar, timestep, x_t)
        return (x_t - spread * noise) / signal

    def implied_noise(self, x_t: Tensor, timestep: Tensor, x_0: Tensor) -> Tensor:
        """Return the noise that x_t and its x_0 imply (eq. 4 solved for the noise)."""
        signal = extract(self.schedule.sqrt_alpha_bar, timestep, x_t)
        spread = extract(self.schedule.sqrt_one_minus_alpha_bar, timestep, x_t)
        return (x_t - signal * x_0) / spread

    def p_x0(self, x_t: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Return the x_0 of the predicted noise, clipped to [-1, 1] if so configured."""
        x_0 = self.predict_x0(x_t, timestep, noise)
        return x_0.clamp(-1, 1) if self.config.clip else x_0

    def p_mean(self, x_t: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Return the mean of p_theta(x_{t-1} | x_t) for the predicted noise (eq. 7 at that x_0)."""
        return self.q_posterior_mean(self.p_x0(x_t, timestep, noise), x_t, timestep)

    def loss(self, model: NoisePredictor, x_0: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """Return L_simple, the mean squared error of the predicted noise (eq. 14)."""
        return F.mse_loss(model(self.q_sample(x_0, timestep, noise), timestep), noise)
