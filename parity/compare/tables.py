"""How far an array is from exact numbers, in units in the last place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mpmath import mpf

from parity.base.numerics import Array
from parity.report.finding import Finding
from parity.trace.sites import TensorSite
from parity.verdict import EXACT_ULPS, Verdict


def ulps(found: Array, exact: Sequence[mpf]) -> float:
    """Return the largest distance of an array from exact numbers, in ulps of its own dtype.

    A zero that should be one counts the distance in ulps of the smallest normal number.

    Raises:
        ValueError: the lengths differ.
    """
    if found.ndim != 1 or len(found) != len(exact):
        raise ValueError(f"{found.shape} values for {len(exact)} exact numbers")
    if not np.isfinite(found).all():
        return float("inf")
    smallest = np.finfo(found.dtype).tiny
    unit = np.spacing(np.maximum(np.abs(found), smallest))
    gaps = [
        abs(mpf(float(f)) - e) / mpf(float(u)) for f, e, u in zip(found, exact, unit, strict=True)
    ]
    return float(max(gaps, default=mpf(0)))


def judge_table(
    name: str, reference: Array, candidate: Array, exact: Sequence[mpf], steps: float
) -> Finding:
    """Judge a table on both sides against exact arithmetic.

    Args:
        name: of the table.
        reference: float64 (T,).
        candidate: likewise.
        exact: its true values.
        steps: operations that may each round once, on the longest way to a value.

    Returns:
        A finding of the phase `schedule`; error and noise are in ulps.
    """
    for side, table in (("reference", reference), ("candidate", candidate)):
        if table.shape != (len(exact),):
            return Finding(
                path="", phase="schedule", tensor=name, verdict=Verdict.ERROR, stress_input="exact",
                error=float("inf"), noise=0.0,
                reason=f"the {side} has shape {table.shape} and not {(len(exact),)}",
            )  # fmt: skip
    distances = {side: ulps(table, exact) for side, table in
                 (("reference", reference), ("candidate", candidate))}  # fmt: skip
    worst = max(distances, key=lambda side: distances[side])
    allowed = EXACT_ULPS * steps
    if np.array_equal(reference, candidate) and distances[worst] <= allowed:
        verdict, reason = Verdict.IDENTICAL, ""
    elif distances[worst] <= allowed:
        verdict, reason = Verdict.WITHIN_NOISE, ""
    else:
        verdict, reason = Verdict.SEMANTIC_DIFFERENCE, f"the {worst} is off, in ulps"
    site = TensorSite("schedule", "", name)
    return Finding(
        path=site.path, phase=site.phase, tensor=name, verdict=verdict, stress_input="exact",
        error=distances[worst], noise=float(allowed), reason=reason,
    )  # fmt: skip
