"""diffusers' own scheduler for one of our configurations."""

from __future__ import annotations

import warnings
from typing import Any

from ddpm.config import DiffusionConfig


def scheduler(config: DiffusionConfig) -> Any:
    """Return diffusers' DDPMScheduler of a configuration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDPMScheduler
    names = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
    return DDPMScheduler(
        num_train_timesteps=config.T,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=names[config.schedule],
        variance_type=config.variance,
        clip_sample=config.clip,
    )
