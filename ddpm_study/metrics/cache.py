"""Features of a real set, kept for the next time under a name made of what they depend on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ddpm_study.metrics.extractors import Extractor, Features, features
from safe_files import CannotWrite, replacing

FORMAT = 1


def cached_features(
    images: NDArray[np.uint8], extractor: Extractor, *, batch_size: int = 64
) -> Features:
    """Return what `extractors.features` does, from the disk if it was asked for before.

    A cache that is damaged or cannot be written is passed over: it only saves time.
    """
    path = folder() / f"{key(images, extractor)}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return Features(file["vectors"], file["logits"])
    except (OSError, ValueError, KeyError, BadZipFile):
        seen = features(images, extractor, batch_size=batch_size)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, vectors=seen.vectors, logits=seen.logits)
    except CannotWrite:
        return seen
    return seen


def key(images: NDArray[np.uint8], extractor: Extractor) -> str:
    """Return a name that changes with any pixel, the shape, the extractor, and the format."""
    digest = hashlib.sha256(f"{FORMAT} {extractor.identity} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()[:32]


def folder() -> Path:
    """Return `$XDG_CACHE_HOME/ddpm-parity`, by default below `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ddpm-parity" / "features"
