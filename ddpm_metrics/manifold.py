"""Improved precision and recall (Kynkaanniemi et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from ddpm import streams

Float64 = NDArray[np.float64]
NEIGHBOUR = 3


def precision_recall(fake: Float64, real: Float64, *, seed: int = 0) -> tuple[float, float]:
    """Return the share of samples near real images, and of real images near samples.

    Near means within the distance from an image of the other set to its third neighbour there. As
    many of the larger set are taken as the smaller has, since that distance shrinks with their
    number.
    """
    count = min(len(fake), len(real))
    fake, real = (_some(vectors, count, seed) for vectors in (fake, real))
    between = cdist(fake, real)
    precision = (between <= _reach(real)[None, :]).any(axis=1).mean()
    recall = (between <= _reach(fake)[:, None]).any(axis=0).mean()
    return float(precision), float(recall)


def _some(vectors: Float64, count: int, seed: int) -> Float64:
    order = streams.stream(seed, "probe", "manifold", len(vectors)).permutation(len(vectors))
    return vectors[order[:count]]


def _reach(vectors: Float64) -> Float64:
    """Return each vector's distance to its third neighbour, itself not counted."""
    nearest = min(NEIGHBOUR, len(vectors) - 1)
    distances: Float64 = np.partition(cdist(vectors, vectors), nearest, axis=1)[:, nearest]
    return distances
