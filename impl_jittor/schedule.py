"""The noise schedule: every table of the forward process and of its posterior.

In NumPy: Jittor's `cumprod` goes through logarithms, and its `linspace` is float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import jittor as jt
import numpy as np
from jittor import Var

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
        self.alpha_bar = np.cumprod(self.alpha, axis=0)
        one = np.ones(1, dtype=np.float64)
        self.alpha_bar_previous = np.concatenate([one, self.alpha_bar[:-1]])
        self.sqrt_alpha_bar = np.sqrt(self.alpha_bar)
        self.sqrt_one_minus_alpha_bar = np.sqrt(1 - self.alpha_bar)
        beta_bar, beta_bar_previous = 1 - self.alpha_bar, 1 - self.alpha_bar_previous
        self.posterior_variance = self.beta * beta_bar_previous / beta_bar
        self.posterior_mean_x0 = self.beta * np.sqrt(self.alpha_bar_previous) / beta_bar
        self.posterior_mean_xt = np.sqrt(self.alpha) * beta_bar_previous / beta_bar
        fixed_small = config.variance == "fixed_small"
        self.sigma = np.sqrt(self.posterior_variance if fixed_small else self.beta)
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
        self.signal = np.sqrt(schedule.alpha_bar_previous)
        self.sigma = eta * np.sqrt(schedule.posterior_variance)
        # 1 - alpha_bar_previous - sigma^2 as a sum: the difference loses digits where eta is near 1
        kept = alpha * beta_bar_previous + (1 - eta**2) * beta
        self.direction = np.sqrt(beta_bar_previous / beta_bar * kept)
        step = np.log1p(beta[1:] / (alpha[1:] * beta_bar_previous[1:])) / 2
        self.extrapolation = np.zeros_like(beta)
        self.extrapolation[1:-1] = step[:-1] / step[1:] / 2


def linear_beta(config: DiffusionConfig) -> np.ndarray:
    """Return T evenly spaced values from beta_start to beta_end, float64 (T,) (section 4)."""
    return np.linspace(config.beta_start, config.beta_end, config.T, dtype=np.float64)


def cosine_beta(config: DiffusionConfig) -> np.ndarray:
    """Return the cosine schedule, float64 (T,) (Nichol & Dhariwal 2021, eq. 17, section 3.2)."""
    t = np.arange(config.T + 1, dtype=np.float64) / config.T
    alpha_bar = np.cos((t + 0.008) / 1.008 * (math.pi / 2)) ** 2
    return np.minimum(1 - alpha_bar[1:] / alpha_bar[:-1], 0.999)


def respaced_beta(beta: np.ndarray, timesteps: Sequence[int]) -> np.ndarray:
    """Return beta of the process over some timesteps, (S,) (Nichol & Dhariwal 2021, eq. 19)."""
    alpha_bar = np.cumprod(1 - beta, axis=0)[list(timesteps)]
    one = np.ones(1, dtype=np.float64)
    return 1 - alpha_bar / np.concatenate([one, alpha_bar[:-1]])


def extract(table: np.ndarray, timestep: Var, like: Var) -> Var:
    """Look up table[timestep], (N,), as (N, 1, 1, 1) in the dtype of `like`."""
    return jt.array64(table)[timestep].cast(like.dtype).reshape(-1, 1, 1, 1)
