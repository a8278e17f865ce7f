"""Improved precision and recall (Kynkaanniemi et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ddpm import streams

Float64 = NDArray[np.float64]
NEIGHBOUR = 3
ROWS = 1000  # of a table of distances at a time


def precision_recall(fake: Float64, real: Float64, *, seed: int = 0) -> tuple[float, float]:
    """Return the share of samples near real images, and of real images near samples.

    Near means within the distance from an image of the other set to its third neighbour there. As
    many of the larger set are taken as the smaller has, since that distance shrinks with their
    number.
    """
    count = min(len(fake), len(real))
    fake, real = (_some(vectors, count, seed) for vectors in (fake, real))
    reach_of_real, reach_of_fake = _reach(real), _reach(fake)
    precise, recalled = np.zeros(count, bool), np.zeros(count, bool)
    for part in _parts(count):
        between = cdist(fake[part], real)
        precise[part] = (between <= reach_of_real[None, :]).any(axis=1)
        recalled |= (between <= reach_of_fake[part, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())


def _some(vectors: Float64, count: int, seed: int) -> Float64:
    order = streams.stream(seed, "probe", "manifold", len(vectors)).permutation(len(vectors))
    return vectors[order[:count]]


def _reach(vectors: Float64) -> Float64:
    """Return each vector's distance to its third neighbour, itself not counted."""
    nearest = min(NEIGHBOUR, len(vectors) - 1)
    return np.concatenate(
        [
            np.partition(cdist(vectors[part], vectors), nearest, axis=1)[:, nearest]
            for part in _parts(len(vectors))
        ]
    )


def _parts(count: int) -> list[slice]:
    """Divide so many rows that a table of distances stays small."""
    return [slice(i, i + ROWS) for i in range(0, count, ROWS)]
