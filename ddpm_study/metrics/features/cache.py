"""Features of a real image set on disk, in a file named by a hash of what they depend on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.npz import read_arrays
from ddpm_study.metrics.features.feature_extraction import Extractor, Features, features
from safe_files import CannotWrite, replacing
from safe_files.reading import CannotRead

FORMAT = 1


def cached_features(
    images: NDArray[np.uint8], extractor: Extractor, *, batch_size: int = 64
) -> Features:
    """Return `features(images, extractor)`, from the disk where an earlier call stored it.

    A cache file that is damaged or cannot be written is ignored: the cache only saves time.
    """
    path = folder() / f"{key(images, extractor)}.npz"
    try:
        stored = read_arrays(path, ("vectors", "logits"))
    except CannotRead:
        stored = {}
    if stored and all(_fits(array, len(images)) for array in stored.values()):
        return Features(stored["vectors"], stored["logits"])
    computed = features(images, extractor, batch_size=batch_size)
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, vectors=computed.vectors, logits=computed.logits)
    except CannotWrite:
        return computed
    return computed


def _fits(array: NDArray[Any], count: int) -> bool:
    """Tell whether an array is one of features: a row for each image, and each number finite."""
    fits = array.dtype == np.float64 and array.ndim == 2 and len(array) == count
    return fits and bool(np.isfinite(array).all())


def key(images: NDArray[np.uint8], extractor: Extractor) -> str:
    """Return a hash of the pixels, the shape, the extractor and the format of the file."""
    digest = hashlib.sha256(f"{FORMAT} {extractor.identity} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()[:32]


def folder() -> Path:
    """Return `$XDG_CACHE_HOME/ddpm-parity/features`; the variable's default is `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ddpm-parity" / "features"
