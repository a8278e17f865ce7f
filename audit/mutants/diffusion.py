"""Faults of the process: coefficients, noise, clipping, timesteps."""

from __future__ import annotations

from typing import Any

import torch

from audit.case import BOTH, UNREPORTED, mutant, never
from audit.correct_pairs import SAMPLING, TRAINING
from audit.lazy_jittor import jt

REUSED = "https://github.com/yuvraj108c/ComfyUI-FLOAT/issues/21"
ROOT = "https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/152"
CLIP = "https://github.com/lucidrains/denoising-diffusion-pytorch/issues/47"
STEP = "https://github.com/huggingface/diffusers/pull/2076"
VARIANCE = "https://github.com/huggingface/diffusers/pull/3006"
PAPER = "Ho et al. 2020, eq. 4: two quantities, alpha and alpha_bar"


@mutant(TRAINING, BOTH, "", "optimizer", PAPER, "loss", visible=lambda c: c.has_many_timesteps)
def alpha_for_alpha_bar(stepper: Any) -> None:
    """x_t made with alpha_t."""
    schedule = stepper.trainer.diffusion.schedule
    schedule.sqrt_alpha_bar = schedule.alpha**0.5
    schedule.sqrt_one_minus_alpha_bar = (1 - schedule.alpha) ** 0.5


@mutant(TRAINING, "torch", "", "optimizer", ROOT, "loss", visible=lambda c: c.has_many_timesteps)
def root_missing(stepper: Any) -> None:
    """x_0 weighted with alpha_bar and not with its root."""
    schedule = stepper.trainer.diffusion.schedule
    schedule.sqrt_alpha_bar = schedule.alpha_bar


@mutant(TRAINING, "jittor", "", "optimizer", ROOT, "loss", visible=lambda c: c.has_many_timesteps)
def root_missing_in_jittor(stepper: Any) -> None:
    """The noise weighted with 1 - alpha_bar and not with its root."""
    schedule = stepper.trainer.diffusion.schedule
    schedule.sqrt_one_minus_alpha_bar = 1 - schedule.alpha_bar


@mutant(TRAINING, "torch", "", "optimizer", STEP, "loss", visible=never)
def x_t_of_the_next_step(stepper: Any) -> None:
    """x_t made for t + 1."""
    diffusion = stepper.trainer.diffusion
    q_sample = diffusion.q_sample
    diffusion.q_sample = lambda x, t, noise: q_sample(x, torch.clamp(t + 1, max=99), noise)


@mutant(TRAINING, "jittor", "", "optimizer", STEP, "loss", visible=lambda c: c.has_many_timesteps)
def model_told_the_next_step(stepper: Any) -> None:
    """The network given t + 1."""
    diffusion = stepper.trainer.diffusion
    loss = diffusion.loss
    diffusion.loss = lambda model, x, t, noise: loss(lambda x, t: model(x, t + 1), x, t, noise)


@mutant(
    TRAINING, "torch", "", "optimizer", UNREPORTED, "loss", visible=lambda c: c.has_many_timesteps
)
def predicts_the_image(stepper: Any) -> None:
    """The loss against x_0 and not against the noise."""
    diffusion = stepper.trainer.diffusion
    diffusion.loss = lambda model, x, t, noise: torch.nn.functional.mse_loss(
        model(diffusion.q_sample(x, t, noise), t), x
    )


@mutant(
    SAMPLING, "torch", "", "sampling", CLIP,
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.clip,
)  # fmt: skip
def no_clipping(stepper: Any) -> None:
    """The predicted x_0 not clipped."""
    diffusion = stepper.diffusion
    diffusion.p_mean = lambda x, t, noise: diffusion.q_posterior_mean(
        diffusion.predict_x0(x, t, noise), x, t
    )


@mutant(SAMPLING, "jittor", "", "sampling", UNREPORTED, visible=lambda c: c.has_many_timesteps)
def clipped_to_half_the_range(stepper: Any) -> None:
    """The predicted x_0 clipped to [0, 1]."""
    diffusion = stepper.diffusion
    diffusion.p_mean = lambda x, t, noise: diffusion.q_posterior_mean(
        jt.clamp(diffusion.predict_x0(x, t, noise), 0, 1), x, t
    )


@mutant(
    SAMPLING, "torch", "", "sampling", VARIANCE,
    visible=lambda c: c.has_many_timesteps and c.run.diffusion.variance == "fixed_small",
)  # fmt: skip
def other_variance(stepper: Any) -> None:
    """The spread of fixed_large where fixed_small is configured."""
    schedule = stepper.diffusion.schedule
    schedule.sigma = schedule.beta.sqrt()
    schedule.sigma[0] = 0


@mutant(SAMPLING, "jittor", "", "sampling", VARIANCE, visible=lambda c: c.has_many_timesteps)
def variance_for_spread(stepper: Any) -> None:
    """The posterior's variance where its root is meant."""
    stepper.diffusion.schedule.sigma = stepper.diffusion.schedule.posterior_variance


@mutant(SAMPLING, "torch", "", "sampling", REUSED, visible=lambda c: c.has_many_timesteps)
def noise_reused(stepper: Any) -> None:
    """The noise of the first step at every step."""
    draw, first = stepper._draw, stepper.config.diffusion.T - 1
    stepper._draw = lambda t: draw(first)


@mutant(SAMPLING, "jittor", "", "sampling", STEP, visible=lambda c: c.has_many_timesteps)
def model_told_one_step_more(stepper: Any) -> None:
    """The network given t + 1."""
    stepper.sampler.timesteps = [t + 1 for t in stepper.sampler.timesteps]


@mutant(SAMPLING, "jittor", "", "sampling", UNREPORTED, visible=lambda c: c.has_many_timesteps)
def posterior_coefficients_exchanged(stepper: Any) -> None:
    """The weights of x_0 and x_t exchanged."""
    s = stepper.diffusion.schedule
    s.posterior_mean_x0, s.posterior_mean_xt = s.posterior_mean_xt, s.posterior_mean_x0
