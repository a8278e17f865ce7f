"""The configuration of a run from a preset, the images, and the options of the command line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ddpm.config import RunConfig
from ddpm.data.image_set import steps_per_epoch
from ddpm.errors import InputError


def configure(
    base: RunConfig,
    shape: tuple[int, ...],
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    image_channels: int | None = None,
    lr: float | None = None,
    T: int | None = None,
    schedule: str | None = None,
    dropout: float | None = None,
    ema_decay: float | None = None,
    seed: int | None = None,
) -> RunConfig:
    """Return `base` for images of `shape` (N, C, H, W), with those options that are not None.

    Raises:
        InputError: the images are not square, have other channels than `image_channels` or are
            fewer than a batch, or an option is out of range.
    """
    count, channels, height, width = shape
    if height != width:
        raise InputError(f"images are {height}x{width}, not square; prepare them with --size")
    if image_channels not in (None, channels):
        raise InputError(
            f"--image-channels {image_channels}, but the set's images have {channels}; prepare it"
            " with --image-channels, or leave the option out"
        )
    options: dict[str, dict[str, Any]] = {
        "unet": {"dropout": dropout},
        "train": {
            "epochs": epochs,
            "batch_size": batch_size,
            "lr": lr,
            "ema_decay": ema_decay,
            "seed": seed,
        },
        "diffusion": {"T": T, "schedule": schedule},
    }
    chosen = {
        part: {name: value for name, value in values.items() if value is not None}
        for part, values in options.items()
    }
    config = replace(base, unet=base.unet.for_images(height, channels)).with_(**chosen)
    steps_per_epoch(count, config.train.batch_size)
    return config
