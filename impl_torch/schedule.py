"""The noise schedule: every table of the forward process and of its posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ddpm.config import DiffusionConfig


class Schedule:
    """The tables beta_t … of Ho et al. 2020, each float64 (T,), index t for the paper's t + 1.

    Over some of the timesteps only, each is float64 (S,) with a row for each of the S timesteps.

    Args:
        config: the forward process over all T timesteps.
        timesteps: those that the tables are for, ascending; None for all.

    Attributes:
        beta, alpha, alpha_bar: section 2; alpha_bar is the running product of alpha = 1 - beta.
        alpha_bar_previous: alpha_bar of the row before, and 1 before the first.
        sqrt_alpha_bar, sqrt_one_minus_alpha_bar: the coefficients of eq. 4.
        posterior_variance: eq. 7, right.
        posterior_mean_x0, posterior_mean_xt: the coefficients of x_0 and x_t in eq. 7, left.
        sigma: the reverse process's standard deviation, the root of beta or of the posterior's
            variance (section 3.2); 0 in the first row, where algorithm 2 adds no noise.
    """

    def __init__(self, config: DiffusionConfig, timesteps: Sequence[int] | None = None) -> None:
        self.beta = linear_beta(config) if config.schedule == "linear" else cosine_beta(config)
        if timesteps is not None:
            self.beta = respaced_beta(self.beta, timesteps)
        self.alpha = 1 - self.beta
        self.alpha_bar = torch.cumprod(self.alpha, dim=0)
        one = torch.ones(1, dtype=torch.float64)
        self.alpha_bar_previous = torch.cat([one, self.alpha_bar[:-1]])
        self.sqrt_alpha_bar = self.alpha_bar.sqrt()
        self.sqrt_one_minus_alpha_bar = (1 - self.alpha_bar).sqrt()
        beta_bar, beta_bar_previous = 1 - self.alpha_bar, 1 - self.alpha_bar_previous
        self.posterior_variance = self.beta * beta_bar_previous / beta_bar
        self.posterior_mean_x0 = self.beta * self.alpha_bar_previous.sqrt() / beta_bar
        self.posterior_mean_xt = self.alpha.sqrt() * beta_bar_previous / beta_bar
        fixed_small = config.variance == "fixed_small"
        self.sigma = (self.posterior_variance if fixed_small else self.beta).sqrt()
        self.sigma[0] = 0


class SamplerTables:
    """The coefficients of DDIM and DPM-Solver++, each float64 (S,), a row for each timestep.

    Args:
        schedule: over the visited timesteps.
        eta: 0 for no fresh noise, 1 for the posterior's variance.

    Attributes:
        signal, direction: the coefficients of x_0 and of the noise (Song et al. 2021, eq. 12).
        sigma: the standard deviation of fresh noise (eq. 16); 0 in the first row.
        extrapolation: 1 / (2 r) of DPM-Solver++(2M), where r is the log-SNR's step before over this
            one (Lu et al. 2022, algorithm 2); 0 in the first and last rows, of first order.
    """

    def __init__(self, schedule: Schedule, eta: float) -> None:
        alpha, beta = schedule.alpha, schedule.beta
        beta_bar, beta_bar_previous = 1 - schedule.alpha_bar, 1 - schedule.alpha_bar_previous
        self.signal = schedule.alpha_bar_previous.sqrt()
        self.sigma = eta * schedule.posterior_variance.sqrt()
        # 1 - alpha_bar_previous - sigma^2 as a sum: the difference loses digits where eta is near 1
        kept = alpha * beta_bar_previous + (1 - eta**2) * beta
        self.direction = (beta_bar_previous / beta_bar * kept).sqrt()
        step = torch.log1p(beta[1:] / (alpha[1:] * beta_bar_previous[1:])) / 2
        self.extrapolation = torch.zeros_like(beta)
        self.extrapolation[1:-1] = step[:-1] / step[1:] / 2


def linear_beta(config: DiffusionConfig) -> Tensor:
    """Return T evenly spaced values from beta_start to beta_end, float64 (T,) (section 4)."""
    return torch.linspace(config.beta_start, config.beta_end, config.T, dtype=torch.float64)


def cosine_beta(config: DiffusionConfig) -> Tensor:
    """Return the cosine schedule, float64 (T,) (Nichol & Dhariwal 2021, eq. 17, section 3.2)."""
    t = torch.arange(config.T + 1, dtype=torch.float64) / config.T
    alpha_bar = torch.cos((t + 0.008) / 1.008 * (math.pi / 2)) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)


def respaced_beta(beta: Tensor, timesteps: Sequence[int]) -> Tensor:
    """Return beta of the process over some timesteps, (S,) (Nichol & Dhariwal 2021, eq. 19)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)[list(timesteps)]
    one = torch.ones(1, dtype=torch.float64)
    return 1 - alpha_bar / torch.cat([one, alpha_bar[:-1]])


def extract(table: Tensor, timestep: Tensor, like: Tensor) -> Tensor:
    """Look up table[timestep], (N,), as (N, 1, 1, 1) in the dtype and on the device of `like`."""
    return table.to(like.device)[timestep].to(like.dtype)[:, None, None, None]
