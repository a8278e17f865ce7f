"""diffusers' own scheduler for one of our configurations."""

from __future__ import annotations

import warnings
from typing import Any

from ddpm.checkpoints.diffusers_folder import scheduler_options
from ddpm.config import DiffusionConfig


def scheduler(config: DiffusionConfig) -> Any:
    """Return diffusers' DDPMScheduler of a configuration."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDPMScheduler
    return DDPMScheduler(**scheduler_options(config))
