"""Improved precision and recall (Kynkaanniemi et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ddpm import streams

Float64 = NDArray[np.float64]
NEIGHBOUR = 3
ROWS = 1000  # of the distance matrix at a time


def precision_recall(fake: Float64, real: Float64, *, seed: int = 0) -> tuple[float, float]:
    """Return the share of samples near real images, and of real images near samples.

    An image is near another set if it lies within the distance from one of that set's images to
    its third nearest neighbour in the set. That distance shrinks as a set grows, so the larger set
    is cut down to the size of the smaller one.
    """
    count = min(len(fake), len(real))
    fake, real = (_random_subset(vectors, count, seed) for vectors in (fake, real))
    radius_of_real, radius_of_fake = _radius(real), _radius(fake)
    precise, recalled = np.zeros(count, bool), np.zeros(count, bool)
    for part in _parts(count):
        distances = cdist(fake[part], real)
        precise[part] = (distances <= radius_of_real[None, :]).any(axis=1)
        recalled |= (distances <= radius_of_fake[part, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())


def _random_subset(vectors: Float64, count: int, seed: int) -> Float64:
    order = streams.stream(seed, "probe", "manifold", len(vectors)).permutation(len(vectors))
    return vectors[order[:count]]


def _radius(vectors: Float64) -> Float64:
    """Return each vector's distance to its third nearest neighbour, itself not counted."""
    nearest = min(NEIGHBOUR, len(vectors) - 1)
    return np.concatenate(
        [
            np.partition(cdist(vectors[part], vectors), nearest, axis=1)[:, nearest]
            for part in _parts(len(vectors))
        ]
    )


def _parts(count: int) -> list[slice]:
    """Divide the rows so that each part of the distance matrix stays small."""
    return [slice(i, i + ROWS) for i in range(0, count, ROWS)]
