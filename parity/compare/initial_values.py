"""Do both sides start from the same distribution? Constants exactly, the rest statistically.

Where a pair says so, from the same numbers.
"""

from __future__ import annotations

import numpy as np

from parity.base.numerics import Array
from parity.pair import Pair
from parity.report.finding import Finding
from parity.trace.bound_model import BoundModel
from parity.verdict import INIT_SIGNIFICANCE, Verdict


def compare_initial(
    pair: Pair, candidate: BoundModel, state: dict[str, Array]
) -> tuple[list[Finding], list[str]]:
    """Compare both sides' weights as the builders left them.

    Returns:
        The findings, where the pair asks for them to count; otherwise a note if any differs.
    """
    own = candidate.adapter.parameters() | candidate.adapter.buffers()
    findings = [
        _compare(path, state[path], candidate.adapter.to_numpy(own[name]), pair.init == "exact")
        for path, name in candidate.parameters.items()
    ]
    if pair.init:
        return findings, []
    different = [f"{f.path}.{f.tensor}".strip(".") for f in findings if not f.passes()]
    if not different:
        return [], []
    shown = ", ".join(different[:3]) + (", …" if len(different) > 3 else "")
    return [], [f"initial values differ in {len(different)} parameters ({shown}); not judged"]


def _compare(path: str, a: Array, b: Array, exact: bool) -> Finding:
    owner, _, name = path.rpartition(".")
    verdict, error, noise, reason = _judge(a.ravel(), b.ravel())
    if exact and verdict is Verdict.WITHIN_NOISE:
        verdict, reason = Verdict.SEMANTIC_DIFFERENCE, "of the same distribution, but other numbers"
    return Finding(
        path=owner, phase="init", verdict=verdict, error=error, noise=noise, tensor=name,
        reason=reason,
    )  # fmt: skip


def _judge(a: Array, b: Array) -> tuple[Verdict, float, float, str]:
    if np.array_equal(a, b):
        return Verdict.IDENTICAL, 0.0, 0.0, ""
    constants = [x.size > 0 and bool(np.all(x == x.flat[0])) for x in (a, b)]
    if any(constants) and a.size > 1:
        return Verdict.SEMANTIC_DIFFERENCE, 1.0, 0.0, "a constant on one side only, or another one"
    statistic, critical = kolmogorov_smirnov(a, b), critical_value(a.size)
    if statistic <= critical:
        return Verdict.WITHIN_NOISE, statistic, critical, ""
    return Verdict.SEMANTIC_DIFFERENCE, statistic, critical, "another distribution"


def kolmogorov_smirnov(a: Array, b: Array) -> float:
    """Return the largest gap between two samples' distribution functions, in [0, 1]."""
    points = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), points, side="right") / max(1, x.size) for x in (a, b)]
    return float(np.max(np.abs(below[0] - below[1]), initial=0.0))


def critical_value(size: int) -> float:
    """Return the gap that two samples of `size` exceed by chance with `INIT_SIGNIFICANCE`.

    Asymptotic two-sample Kolmogorov-Smirnov: sqrt(-ln(alpha / 2) / size). At 1,000 elements that
    is 0.085, enough to tell a standard deviation that is a third too large; it cannot reject below
    8 elements.
    """
    return min(1.0, float(np.sqrt(-np.log(INIT_SIGNIFICANCE / 2) / max(1, size))))
