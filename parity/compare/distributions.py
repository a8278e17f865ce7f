"""Compares the distributions of two samples."""

from __future__ import annotations

import numpy as np

from parity.base.numerics import Array
from parity.limits import FLOAT32_EPSILON, INIT_SIGNIFICANCE


def kolmogorov_smirnov(a: Array, b: Array) -> float:
    """Return the largest distance between two samples' distribution functions, in [0, 1]."""
    points = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), points, side="right") / max(1, x.size) for x in (a, b)]
    return float(np.max(np.abs(below[0] - below[1]), initial=0.0))


def without_rounding(a: Array, b: Array) -> tuple[Array, Array]:
    """Return two samples in which values are equal that differ by rounding alone.

    Samples of a discrete distribution have few values, and two frameworks round each of them
    otherwise. Values closer together than 16 float32 ulps of the largest become one.
    """
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")
    gaps = np.diff(both[order]) > 16 * FLOAT32_EPSILON * np.max(np.abs(both), initial=0.0)
    first = np.concatenate([[0], np.flatnonzero(gaps) + 1])
    group = np.concatenate([[0], np.cumsum(gaps)])
    merged = np.empty_like(both)
    merged[order] = both[order][first[group]] if both.size else both
    return merged[: a.size], merged[a.size :]


def critical_value(size: int) -> float:
    """Return the distance that two samples of `size` exceed by chance with `INIT_SIGNIFICANCE`.

    Asymptotic two-sample Kolmogorov-Smirnov: sqrt(-ln(alpha / 2) / size). At 1,000 elements that
    is 0.085, enough to tell a standard deviation that is a third too large; it cannot reject below
    8 elements.
    """
    return min(1.0, float(np.sqrt(-np.log(INIT_SIGNIFICANCE / 2) / max(1, size))))
