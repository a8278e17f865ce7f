"""Pictures of a sampling run: a grid of its samples, and the states before some of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ddpm import images
from ddpm.sampling.batches import SamplingOutcome

GRID_NAME = "sample_grid.png"
STRIP_NAME = "denoising_strip.png"
GRID = 64  # samples in a picture of many
STRIP = 8  # samples in the denoising strip


def save_pictures(outcome: SamplingOutcome, folder: Path) -> None:
    """Write `sample_grid.png`, `step_tXXXX.png` and `denoising_strip.png` of a sampling run.

    Raises:
        InputError: a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    images.save_grid(outcome.images[:GRID], folder / GRID_NAME)
    save_states(outcome.frames, folder)


def save_states(frames: Mapping[int, np.ndarray], folder: Path) -> None:
    """Write `step_tXXXX.png` and `denoising_strip.png` from states x_t by their timestep.

    Raises:
        InputError: a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    images.save_steps({t: x[:GRID] for t, x in frames.items()}, folder)
    strip = {t: x[:STRIP] for t, x in frames.items()}
    images.save_strip(strip, folder / STRIP_NAME, scale=2)
