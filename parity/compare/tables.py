"""Tables compared with exact arithmetic, in units in the last place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from parity.base.numerics import Array
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding, finding_of
from parity.report.report import Report
from parity.trace.sites import TensorSite
from parity.verdict import Cause, Role, error, judge_ulps

if TYPE_CHECKING:
    from mpmath import mpf

# Decimal digits of the exact values; float64 has 16.
DIGITS = 60


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Two sides' tables whose exact values are known, a noise schedule for example.

    Attributes:
        name: of the tables, in reports.
        reference, candidate: () -> tables by name, float64 (N,).
        exact: () -> for each name the exact values, N of them, and how many operations may each
            round once on the longest way to a value; called with 60 decimal digits.
    """

    name: str
    reference: Callable[[], Mapping[str, Array]]
    candidate: Callable[[], Mapping[str, Array]]
    exact: Callable[[], Mapping[str, tuple[Sequence[mpf], float]]]


def check_tables(tables: Tables) -> Report:
    """Compare every table of both sides with its exact values.

    Raises:
        CannotCompare: a side raises, or lacks a table.
    """
    import mpmath

    started = time.perf_counter()
    reference, candidate = (_values(tables, side) for side in ("reference", "candidate"))
    with mpmath.workdps(DIGITS):
        findings = tuple(
            judge_table(name, reference[name], candidate[name], exact, operations)
            for name, (exact, operations) in _exact(tables, reference, candidate).items()
        )
    return Report(pair=tables.name, findings=findings, seconds=time.perf_counter() - started)


def _values(tables: Tables, side: str) -> Mapping[str, Array]:
    try:
        values: Mapping[str, Array] = getattr(tables, side)()
    except Exception as raised:
        raise CannotCompare(f"{tables.name!r}: the {side} raised {one_line(raised)}") from raised
    return values


def _exact(
    tables: Tables, reference: Mapping[str, Array], candidate: Mapping[str, Array]
) -> Mapping[str, tuple[Sequence[mpf], float]]:
    exact = tables.exact()
    for side, values in (("reference", reference), ("candidate", candidate)):
        missing = [name for name in exact if name not in values]
        if missing:
            raise CannotCompare(
                f"{tables.name!r}: the {side} has no table {missing[0]!r}; "
                f"it has {', '.join(values) or 'none'}"
            )
    return exact


def ulps(values: Array, exact: Sequence[mpf]) -> float:
    """Return the largest distance of an array from exact numbers, in ulps of its own dtype.

    A zero that should be one counts the distance in ulps of the smallest normal number.

    Raises:
        ValueError: the lengths differ.
    """
    from mpmath import mpf

    if values.ndim != 1 or len(values) != len(exact):
        raise ValueError(f"{values.shape} values for {len(exact)} exact numbers")
    if not np.isfinite(values).all():
        return float("inf")
    smallest = np.finfo(values.dtype).tiny
    unit = np.spacing(np.maximum(np.abs(values), smallest))
    distances = [
        abs(mpf(float(f)) - e) / mpf(float(u)) for f, e, u in zip(values, exact, unit, strict=True)
    ]
    return float(max(distances, default=mpf(0)))


def judge_table(
    name: str, reference: Array, candidate: Array, exact: Sequence[mpf], operations: float
) -> Finding:
    """Judge a table of both sides against exact arithmetic.

    Args:
        name: of the table.
        reference: float64 (N,).
        candidate: likewise.
        exact: its N exact values.
        operations: how many may each round once, on the longest way to a value.

    Returns:
        A finding of the phase `schedule`; error and noise are in ulps.
    """
    site = TensorSite("schedule", "", "table", name, scope="built")
    sides: dict[Role, Array] = {"reference": reference, "candidate": candidate}
    for side, table in sides.items():
        if table.shape != (len(exact),):
            shapes = (str((len(exact),)), str(table.shape))
            return finding_of(site, error(Cause.TABLE_SHAPE, side=side, compared=shapes))
    distances = {side: ulps(table, exact) for side, table in sides.items()}
    equal = np.array_equal(reference, candidate)
    return finding_of(site, judge_ulps(distances, operations, equal=equal))
