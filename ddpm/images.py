"""Pictures: PNG files, grids and denoising strips from images in [-1, 1]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.raw_images import to_pillow
from ddpm.errors import InputError
from safe_files import replacing

_BACKGROUND = 1.0  # white


def to_uint8(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Map [-1, 1] to 0 … 255, rounding half to even; values beyond are clipped. Any shape.

    Raises:
        InputError: a value is NaN or infinite.
    """
    if not np.isfinite(images).all():
        count = np.count_nonzero(~np.isfinite(images))
        raise InputError(
            f"{count} of {np.size(images)} pixels are NaN or infinite; the model has diverged:"
            " sample from an earlier checkpoint"
        )
    converted = np.empty(np.shape(images), np.uint8)
    for part, source in zip(_parts(converted), _parts(np.asarray(images)), strict=True):
        part[...] = np.rint((np.asarray(source, np.float64).clip(-1, 1) + 1) * 127.5)
    return converted


def _parts(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield views of at most 1,000 images, so that float64 copies stay small."""
    if array.ndim == 0:
        yield array
        return
    for start in range(0, len(array), 1000):
        yield array[start : start + 1000]


def save_png(image: NDArray[np.floating], path: Path | str) -> None:
    """Write one image (C, H, W) in [-1, 1], C = 1 or 3, as a PNG.

    Raises:
        InputError: the image is not finite.
        CannotWrite: the path cannot be written.
    """
    picture = to_pillow(to_uint8(image))
    with replacing(path, durable=False) as temporary:
        picture.save(temporary, format="PNG")


def save_samples(
    images: NDArray[np.floating], folder: Path | str = "fid", *, first: int = 0
) -> list[Path]:
    """Write images (N, C, H, W) in [-1, 1] as `sample_{first}.png` onwards; return the paths.

    Raises:
        InputError: an image is not finite; then none is written.
        CannotWrite: a path cannot be written.
    """
    to_uint8(images)
    paths = [Path(folder) / f"sample_{first + i}.png" for i in range(len(images))]
    for image, path in zip(images, paths, strict=True):
        save_png(image, path)
    return paths


def grid(
    images: NDArray[np.floating], *, columns: int | None = None, padding: int = 2, scale: int = 1
) -> NDArray[np.floating]:
    """Lay images (N, C, H, W) out row by row, on white.

    Args:
        images: in [-1, 1].
        columns: images in a row; None for as square a grid as possible.
        padding: pixels between images and around them.
        scale: side of the square that shows one pixel of an image, in pixels of the grid.

    Returns:
        One image (C, H', W') in [-1, 1], of the dtype of `images`.

    Raises:
        InputError: there are no images.
    """
    if len(images) == 0:
        raise InputError("a grid of no images cannot be drawn; give at least one")
    images = images.repeat(scale, axis=2).repeat(scale, axis=3)
    count, channels, height, width = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    size = (rows * (height + padding) + padding, columns * (width + padding) + padding)
    canvas = np.full((channels, *size), _BACKGROUND, images.dtype)
    for i, image in enumerate(images):
        top = padding + i // columns * (height + padding)
        left = padding + i % columns * (width + padding)
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def save_grid(
    images: NDArray[np.floating],
    path: Path | str = "samples/sample_grid.png",
    *,
    columns: int | None = None,
    padding: int = 2,
    scale: int = 1,
) -> None:
    """Write images (N, C, H, W) in [-1, 1] as one PNG; the options are those of `grid`.

    Raises:
        InputError: there are no images, or a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    save_png(grid(images, columns=columns, padding=padding, scale=scale), path)


def step_path(folder: Path | str, timestep: int) -> Path:
    """Return `{folder}/step_tXXXX.png`, the picture of x_t at one timestep."""
    return Path(folder) / f"step_t{timestep:04d}.png"


def save_steps(
    frames: Mapping[int, NDArray[np.floating]], folder: Path | str = "samples"
) -> list[Path]:
    """Write a grid of x_t, (N, C, H, W) clipped to [-1, 1], for each timestep; return the paths.

    Raises:
        InputError: there are no images, or a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    paths = {timestep: step_path(folder, timestep) for timestep in sorted(frames, reverse=True)}
    for timestep, path in paths.items():
        save_grid(frames[timestep], path)
    return list(paths.values())


def save_strip(
    frames: Mapping[int, NDArray[np.floating]],
    path: Path | str = "samples/denoising_strip.png",
    *,
    padding: int = 2,
    scale: int = 1,
) -> None:
    """Write the reverse process as one PNG: a row per sample, highest timestep first.

    Args:
        frames: timestep -> x_t (N, C, H, W), clipped to [-1, 1]; the same samples in each.
        path: where to write it.
        padding: as in `grid`.
        scale: as in `grid`.

    Raises:
        InputError: there are no frames, or a pixel is not finite.
        CannotWrite: a path cannot be written.
    """
    if not frames:
        raise InputError("a strip of no timesteps cannot be drawn; store at least one")
    ordered = np.stack([frames[timestep] for timestep in sorted(frames, reverse=True)], axis=1)
    rows = ordered.reshape(-1, *ordered.shape[2:])
    save_grid(rows, path, columns=len(frames), padding=padding, scale=scale)
