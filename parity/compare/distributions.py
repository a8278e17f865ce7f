"""Compares the distributions of two samples."""

from __future__ import annotations

import numpy as np

from parity.base.numerics import Array
from parity.limits import INIT_SIGNIFICANCE


def kolmogorov_smirnov(a: Array, b: Array) -> float:
    """Return the largest distance between two samples' distribution functions, in [0, 1]."""
    points = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), points, side="right") / max(1, x.size) for x in (a, b)]
    return float(np.max(np.abs(below[0] - below[1]), initial=0.0))


def critical_value(size: int) -> float:
    """Return the distance that two samples of `size` exceed by chance with `INIT_SIGNIFICANCE`.

    Asymptotic two-sample Kolmogorov-Smirnov: sqrt(-ln(alpha / 2) / size). At 1,000 elements that
    is 0.085, enough to tell a standard deviation that is a third too large; it cannot reject below
    8 elements.
    """
    return min(1.0, float(np.sqrt(-np.log(INIT_SIGNIFICANCE / 2) / max(1, size))))
