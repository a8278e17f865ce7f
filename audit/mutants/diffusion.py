"""Faults of the process: coefficients, noise, clipping, timesteps."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np
import torch

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import SAMPLING, TRAINING

REUSED = "https://github.com/yuvraj108c/ComfyUI-FLOAT/issues/21"
ROOT = "https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/152"
CLIP = "https://github.com/lucidrains/denoising-diffusion-pytorch/issues/47"
STEP = "https://github.com/huggingface/diffusers/pull/2076"
VARIANCE = "https://github.com/huggingface/diffusers/pull/3006"
PAPER = "Ho et al. 2020, eq. 4: two quantities, alpha and alpha_bar"


@mutant(TRAINING, "torch", "", "optimizer", PAPER, "loss")
def alpha_for_alpha_bar(side: Any) -> None:
    """x_t made with alpha_t."""
    schedule = side.trainer.diffusion.schedule
    schedule.sqrt_alpha_bar = schedule.alpha.sqrt()
    schedule.sqrt_one_minus_alpha_bar = (1 - schedule.alpha).sqrt()


@mutant(TRAINING, "jittor", "", "optimizer", PAPER, "loss")
def alpha_for_alpha_bar_in_jittor(side: Any) -> None:
    """x_t made with alpha_t."""
    schedule = side.trainer.diffusion.schedule
    schedule.sqrt_alpha_bar = np.sqrt(schedule.alpha)
    schedule.sqrt_one_minus_alpha_bar = np.sqrt(1 - schedule.alpha)


@mutant(TRAINING, "torch", "", "optimizer", ROOT, "loss")
def root_missing(side: Any) -> None:
    """x_0 weighed with alpha_bar and not with its root."""
    schedule = side.trainer.diffusion.schedule
    schedule.sqrt_alpha_bar = schedule.alpha_bar


@mutant(TRAINING, "jittor", "", "optimizer", ROOT, "loss")
def root_missing_in_jittor(side: Any) -> None:
    """The noise weighed with 1 - alpha_bar and not with its root."""
    schedule = side.trainer.diffusion.schedule
    schedule.sqrt_one_minus_alpha_bar = 1 - schedule.alpha_bar


@mutant(TRAINING, "torch", "", "optimizer", STEP, "loss")
def x_t_of_the_next_step(side: Any) -> None:
    """x_t made for t + 1."""
    diffusion = side.trainer.diffusion
    own = diffusion.q_sample
    diffusion.q_sample = lambda x, t, noise: own(x, torch.clamp(t + 1, max=99), noise)


@mutant(TRAINING, "jittor", "", "optimizer", STEP, "loss")
def model_told_the_next_step(side: Any) -> None:
    """The network told t + 1."""
    diffusion = side.trainer.diffusion
    own = diffusion.loss
    diffusion.loss = lambda model, x, t, noise: own(lambda x, t: model(x, t + 1), x, t, noise)


@mutant(TRAINING, "torch", "", "optimizer", UNREPORTED, "loss")
def predicts_the_image(side: Any) -> None:
    """The loss against x_0 and not against the noise."""
    diffusion = side.trainer.diffusion
    diffusion.loss = lambda model, x, t, noise: torch.nn.functional.mse_loss(
        model(diffusion.q_sample(x, t, noise), t), x
    )


@mutant(SAMPLING, "torch", "", "sampling", CLIP)
def no_clipping(side: Any) -> None:
    """The predicted x_0 not clipped."""
    diffusion = side.diffusion
    diffusion.p_mean = lambda x, t, noise: diffusion.q_posterior_mean(
        diffusion.predict_x0(x, t, noise), x, t
    )


@mutant(SAMPLING, "jittor", "", "sampling", UNREPORTED)
def clipped_to_half_the_range(side: Any) -> None:
    """The predicted x_0 clipped to [0, 1]."""
    diffusion = side.diffusion
    diffusion.p_mean = lambda x, t, noise: diffusion.q_posterior_mean(
        jt.clamp(diffusion.predict_x0(x, t, noise), 0, 1), x, t
    )


@mutant(SAMPLING, "torch", "", "sampling", VARIANCE)
def other_variance(side: Any) -> None:
    """The spread of fixed_large where fixed_small is configured."""
    schedule = side.diffusion.schedule
    schedule.sigma = schedule.beta.sqrt()
    schedule.sigma[0] = 0


@mutant(SAMPLING, "jittor", "", "sampling", VARIANCE)
def variance_for_spread(side: Any) -> None:
    """The posterior's variance where its root is meant."""
    side.diffusion.schedule.sigma = side.diffusion.schedule.posterior_variance


@mutant(SAMPLING, "torch", "", "sampling", REUSED)
def noise_reused(side: Any) -> None:
    """The noise of the first step at every step."""
    own, first = side._draw, side.config.diffusion.T - 1
    side._draw = lambda t: own(min(t, first) if t > first else first)


@mutant(SAMPLING, "jittor", "", "sampling", STEP)
def model_told_one_step_more(side: Any) -> None:
    """The network told t + 1."""
    side.sampler.timesteps = [t + 1 for t in side.sampler.timesteps]


@mutant(SAMPLING, "jittor", "", "sampling", UNREPORTED)
def posterior_coefficients_exchanged(side: Any) -> None:
    """The weights of x_0 and x_t exchanged."""
    s = side.diffusion.schedule
    s.posterior_mean_x0, s.posterior_mean_xt = s.posterior_mean_xt, s.posterior_mean_x0
