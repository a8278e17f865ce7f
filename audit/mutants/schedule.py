"""Faults of the noise schedule: ends, precision, clipping, the first and the previous step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from audit.case import BOTH, UNREPORTED, mutant, never
from audit.correct_pairs import COSINE, LINEAR
from audit.edits import like

PREVIOUS = "https://github.com/Stability-AI/stablediffusion/pull/345"
VARIANCE = "https://github.com/huggingface/diffusers/pull/3006"
CUMPROD = "float32 cumprod of 1,000 steps: 1.4e-4 off in the posterior's variance (measured)"
COSINE_PAPER = "Nichol & Dhariwal 2021, eq. 17 and section 3.2"
SCALED = "scaled_linear of latent diffusion: the square of a line of roots"
CHOICES = "Ho et al. 2020, section 3.2: two choices"


def filled_from(schedule: Any, beta: Any) -> Any:
    """Fill a schedule's other tables from its betas, correctly.

    Args:
        schedule: of either side, changed in place and returned.
        beta: (T,), an array or a torch tensor; the tables become of its kind and dtype.
    """
    schedule.beta, schedule.alpha = beta, 1 - beta
    bar = schedule.alpha_bar = schedule.alpha.cumprod(0)
    before = like(np.concatenate([[1.0], np.asarray(bar)[:-1]]), bar)
    schedule.alpha_bar_previous = before
    schedule.sqrt_alpha_bar, schedule.sqrt_one_minus_alpha_bar = bar**0.5, (1 - bar) ** 0.5
    schedule.posterior_variance = beta * (1 - before) / (1 - bar)
    schedule.posterior_mean_x0 = beta * before**0.5 / (1 - bar)
    schedule.posterior_mean_xt = schedule.alpha**0.5 * (1 - before) / (1 - bar)
    schedule.sigma = schedule.posterior_variance**0.5
    schedule.sigma[0] = 0
    return schedule


@mutant(LINEAR, BOTH, "", "schedule", UNREPORTED, "beta", visible=never)
def endpoint_left_out(schedule: Any) -> Any:
    """Betas that stop one step before beta_end."""
    config = LINEAR.config
    line = np.linspace(config.beta_start, config.beta_end, config.T, endpoint=False)
    return filled_from(schedule, like(line, schedule.beta))


@mutant(
    LINEAR, "torch", "", "schedule", CUMPROD, "alpha_bar",
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.schedule == "linear",
)  # fmt: skip
def accumulated_in_float32(schedule: Any) -> None:
    """The running product taken in float32."""
    schedule.alpha_bar = torch.cumprod(schedule.alpha.float(), 0).double()


@mutant(LINEAR, "jittor", "", "schedule", CUMPROD, "beta", visible=never)
def tables_in_float32(schedule: Any) -> Any:
    """Everything computed in float32, kept in float64."""
    config = LINEAR.config
    line = np.linspace(config.beta_start, config.beta_end, config.T).astype(np.float32)
    filled_from(schedule, line)
    for name, table in vars(schedule).items():
        if isinstance(table, np.ndarray):
            setattr(schedule, name, table.astype(np.float64))
    return schedule


@mutant(COSINE, "torch", "", "schedule", COSINE_PAPER, "beta")
def cosine_clipped_elsewhere(schedule: Any) -> None:
    """Betas of the cosine schedule clipped at 0.9999."""
    schedule.beta = torch.where(schedule.beta >= 0.999, 0.9999, schedule.beta)


@mutant(COSINE, "jittor", "", "schedule", COSINE_PAPER, "beta")
def cosine_without_offset(schedule: Any) -> Any:
    """The cosine without s = 0.008."""
    t = np.arange(COSINE.config.T + 1) / COSINE.config.T
    bar = np.cos(t * np.pi / 2) ** 2
    return filled_from(schedule, np.minimum(1 - bar[1:] / bar[:-1], 0.999))


@mutant(
    LINEAR, "torch", "", "schedule", VARIANCE, "posterior_variance",
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.schedule == "linear",
)  # fmt: skip
def variance_clamped_at_the_first_step(schedule: Any) -> None:
    """The posterior's variance at t = 0 taken from t = 1, as where its logarithm is needed."""
    schedule.posterior_variance[0] = schedule.posterior_variance[1]


@mutant(
    LINEAR, "jittor", "", "schedule", VARIANCE, "sigma",
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.schedule == "linear",
)  # fmt: skip
def noise_at_the_last_step(schedule: Any) -> None:
    """Sigma at t = 0 that is not 0."""
    schedule.sigma[0] = np.sqrt(schedule.beta[0])


@mutant(
    LINEAR, "jittor", "", "schedule", PREVIOUS, "alpha_bar_previous",
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.schedule == "linear",
)  # fmt: skip
def previous_starts_with_the_first(schedule: Any) -> None:
    """alpha_bar of the step before the first set to the first's and not to 1."""
    schedule.alpha_bar_previous[0] = schedule.alpha_bar[0]


@mutant(LINEAR, "torch", "", "schedule", SCALED, "beta", visible=never)
def scaled_linear(schedule: Any) -> Any:
    """Betas linear in their roots."""
    config = LINEAR.config
    start, end = config.beta_start**0.5, config.beta_end**0.5
    return filled_from(schedule, torch.linspace(start, end, config.T, dtype=torch.float64) ** 2)


@mutant(LINEAR, "jittor", "", "schedule", CHOICES, "sigma", visible=never)
def other_variance(schedule: Any) -> Any:
    """fixed_large where fixed_small is configured."""
    return type(schedule)(replace(LINEAR.config, variance="fixed_large"))
