"""Compares initial weights: constants exactly, all others by their distribution.

Where a pair asks for it, the numbers must be equal.
"""

from __future__ import annotations

import numpy as np

from parity.base.numerics import Array
from parity.pair import Pair
from parity.report.finding import Finding, finding_of
from parity.trace.bound_model import BoundModel
from parity.trace.sites import of_parameter
from parity.verdict import (
    INIT_SIGNIFICANCE,
    Judgement,
    Verdict,
    judge_distribution,
    other_constant,
)


def compare_initial(
    pair: Pair, candidate: BoundModel, state: dict[str, Array]
) -> tuple[list[Finding], list[str]]:
    """Compare both sides' weights as the builders left them.

    Returns:
        The findings, where the pair asks for them to count; otherwise a note if any differs.
    """
    tensors = candidate.adapter.parameters() | candidate.adapter.buffers()
    findings = []
    for path, name in candidate.parameters.items():
        judgement = judge_initial(
            state[path].ravel(),
            candidate.adapter.to_numpy(tensors[name]).ravel(),
            must_be_equal=pair.init == "exact",
        )
        site = of_parameter("init", path, "parameter", scope="built")
        findings.append(finding_of(site, judgement))
    if pair.init:
        return findings, []
    different = [f"{f.path}.{f.label}".strip(".") for f in findings if not f.passes()]
    if not different:
        return [], []
    shown = ", ".join(different[:3]) + (", …" if len(different) > 3 else "")
    return [], [f"initial values differ in {len(different)} parameters ({shown}); not judged"]


def judge_initial(reference: Array, candidate: Array, *, must_be_equal: bool) -> Judgement:
    """Judge one parameter's initial values, flat arrays of equal size."""
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
