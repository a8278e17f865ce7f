"""8-bit images as read from a source, before they become a training set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.limits import require_set

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RawImages:
    """8-bit images with their labels.

    Attributes:
        images: uint8 (N, C, H, W), C = 1 for grey or 3 for RGB.
        labels: int64 (N,), each an index into `classes`.
        classes: the classes' names.
    """

    images: UInt8
    labels: NDArray[np.int64]
    classes: tuple[str, ...]


def to_pillow(pixels: UInt8) -> Any:
    """Return uint8 (C, H, W), C = 1 or 3, as a Pillow image of mode L or RGB."""
    from PIL import Image

    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))


def from_pillow(image: Any) -> UInt8:
    """Return a Pillow image of mode L or RGB as uint8 (C, H, W)."""
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def fit(image: Any, size: int) -> Any:
    """Return a Pillow image as `size` x `size`: its central square, bicubic with antialiasing."""
    from PIL import Image, ImageOps

    if image.size == (size, size):
        return image
    return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)


def resized(pixels: RawImages, size: int | None) -> RawImages:
    """Return the set with images of `size` x `size` pixels; None leaves them as they are.

    Raises:
        InputError: they would not fit into the memory.
    """
    if size is None or pixels.images.shape[2:] == (size, size):
        return pixels
    count, channels = pixels.images.shape[:2]
    require_set(count, channels, size, size)
    images = [from_pillow(fit(to_pillow(image), size)) for image in pixels.images]
    return replace(pixels, images=np.stack(images))


def with_channels(pixels: RawImages, channels: int | None) -> RawImages:
    """Return the set in grey (1, ITU-R 601 luma) or RGB (3); None leaves it as it is.

    Raises:
        InputError: it would not fit into the memory.
    """
    if channels is None or pixels.images.shape[1] == channels:
        return pixels
    height, width = pixels.images.shape[2:]
    require_set(len(pixels.images), channels, height, width)
    if channels == 3:
        return replace(pixels, images=np.repeat(pixels.images, 3, axis=1))
    images = [from_pillow(to_pillow(image).convert("L")) for image in pixels.images]
    return replace(pixels, images=np.stack(images))


def normalised(images: UInt8) -> NDArray[np.float32]:
    """Map 0 … 255 to [-1, 1] (Ho et al. 2020, section 3.3), float32 of the same shape."""
    table = (np.arange(256) / 127.5 - 1).astype(np.float32)
    return table[images]
