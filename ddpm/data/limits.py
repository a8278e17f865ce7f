"""The bounds of images and sets, far above what the U-Nets here train on."""

from __future__ import annotations

import os

from ddpm.errors import InputError

LARGEST_SIDE = 4096  # pixels of a prepared image's height and width
LARGEST_PICTURE = 50_000_000  # pixels of a picture that is read; decoding copies it six times
LARGEST_SOURCE = 1 << 30  # bytes of one file of a data set, decompressed
LARGEST_SET = 1 << 34  # bytes of a prepared set, 16 GiB


def require_side(size: int) -> None:
    """Require a height and width that an image can have.

    Raises:
        InputError: it cannot.
    """
    if not 1 <= size <= LARGEST_SIDE:
        least = "at least 1 pixel" if size < 1 else f"at most {LARGEST_SIDE:,} pixels"
        raise InputError(f"size = {size} cannot be used: it must be {least}")


def require_set(count: int, channels: int, height: int, width: int) -> None:
    """Require that a set of so many images fits into the memory.

    Raises:
        InputError: as float32 it has more than 16 GiB, or more than this machine.
    """
    size, most = 4 * count * channels * height * width, min(LARGEST_SET, _physical_memory())
    if size > most:
        raise InputError(
            f"{count:,} images of {channels} x {height:,} x {width:,} need {_gibibytes(size)}, and"
            f" a set may have {_gibibytes(most)}; give a smaller size, or fewer images"
        )


def _gibibytes(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
