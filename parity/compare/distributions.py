"""Two samples of random numbers: constants exactly, all others by their distribution."""

from __future__ import annotations

import numpy as np

from parity.base.numerics import Array
from parity.verdict import (
    INIT_SIGNIFICANCE,
    Judgement,
    Verdict,
    judge_distribution,
    other_constant,
)


def judge_samples(reference: Array, candidate: Array, *, must_be_equal: bool = False) -> Judgement:
    """Judge whether two samples, flat arrays of equal size, are of one distribution.

    Args:
        reference: the reference's sample, (N,).
        candidate: the candidate's, (N,).
        must_be_equal: whether other numbers of the same distribution fail too.
    """
    if np.array_equal(reference, candidate):
        return Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)
    constants = [a.size > 0 and bool(np.all(a == a.flat[0])) for a in (reference, candidate)]
    if any(constants) and reference.size > 1:
        return other_constant()
    return judge_distribution(
        kolmogorov_smirnov(reference, candidate),
        critical_value(reference.size),
        must_be_equal=must_be_equal,
    )


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
