"""Compares two loss curves: their distance, and their place in the spread of further runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from parity.curves.curve import Curve
from parity.curves.spread import FEWEST_RUNS, SpreadJudgement, judge_spread
from parity.errors import CannotCompare

Verdict = Literal[
    "identical", "within the spread", "outside the spread", "cannot be told", "no verdict"
]
_SHOWN_STEPS = 3
LOSSES_SCHEMA = "parity-losses/1"  # of the file that `parity losses --json` writes


@dataclass(frozen=True)
class Distance:
    """The distance of two curves at their common steps.

    Attributes:
        largest: relative difference.
        largest_at: its step.
        mean: relative difference.
        agreeing: number of steps at which the printed digits agree.
        differs_from: first step at which they do not; None if there is none.
    """

    largest: float
    largest_at: int
    mean: float
    agreeing: int
    differs_from: int | None


@dataclass(frozen=True, eq=False)
class CurveComparison:
    """Two curves, at their common steps, and the verdict.

    Attributes:
        verdict: of the five.
        steps: those that all curves have, int64 (n,).
        runs: losses, float64 (curves, n): A, further runs of A, B, further runs of B.
        count: number of A's runs.
        distance: of A and B.
        spread: place of B among the runs; None without further runs.
        notes: lines.
    """

    verdict: Verdict
    steps: NDArray[np.int64]
    runs: NDArray[np.float64]
    count: int
    distance: Distance
    spread: SpreadJudgement | None
    notes: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return the numbers as values of JSON."""
        distance, spread = self.distance, self.spread
        found: dict[str, Any] = {
            "verdict": self.verdict,
            "steps": len(self.steps),
            "first_step": int(self.steps[0]),
            "last_step": int(self.steps[-1]),
            "runs_of_a": self.count,
            "runs_of_b": len(self.runs) - self.count,
            "first_losses": [float(run[0]) for run in self.runs[[0, self.count]]],
            "last_losses": [float(run[-1]) for run in self.runs[[0, self.count]]],
            "largest_relative_difference": distance.largest,
            "largest_at_step": distance.largest_at,
            "mean_relative_difference": distance.mean,
            "steps_that_agree": distance.agreeing,
            "first_step_that_differs": distance.differs_from,
            "notes": list(self.notes),
        }
        if spread is not None:
            found["spread"] = {
                "is_farthest": spread.farthest,
                "divisions": spread.divisions,
                "standard_deviations": spread.spreads,
                "needed": spread.needed,
                "window": [int(self.steps[index]) for index in spread.window],
                "of_means": spread.of_means,
                "outside_from": self.step_at(spread.outside_from),
                "coarse_from": self.step_at(spread.coarse_from),
            }
        return found

    def step_at(self, index: int | None) -> int | None:
        """Return the step of an index, None for None."""
        return None if index is None else int(self.steps[index])


def compare_curves(
    a: Curve, b: Curve, of_a: Sequence[Curve] = (), of_b: Sequence[Curve] = ()
) -> CurveComparison:
    """Compare two curves.

    Args:
        a: of the reference.
        b: of the candidate.
        of_a: further runs of A's setting: of other seeds, or from weights moved by one ulp.
        of_b: further runs of B's.

    Returns:
        With further runs a verdict on the spread; without them none, unless the curves are equal.

    Raises:
        CannotCompare: there is no common step, or one further run alone.
    """
    curves = [a, *of_a, b, *of_b]
    if 2 < len(curves) < FEWEST_RUNS:
        raise CannotCompare(
            "one further run shows no spread: name two or more with --spread or --spread-b"
        )
    steps = reduce(np.intersect1d, [curve.steps for curve in curves])
    if not steps.size:
        ranges = ", ".join(f"{c.name} has {c.steps[0]} … {c.steps[-1]}" for c in curves)
        raise CannotCompare(f"the curves have no common step: {ranges}")
    notes = [note for curve in curves for note in curve.notes]
    notes += [note for curve in curves if (note := _missing(curve, curves)) is not None]
    places = [np.searchsorted(curve.steps, steps) for curve in curves]
    runs = np.stack([c.values[at] for c, at in zip(curves, places, strict=True)])
    digits = np.stack([c.resolution[at] for c, at in zip(curves, places, strict=True)])
    count = 1 + len(of_a)
    distance = _distance(steps, runs[[0, count]], digits[[0, count]])
    spread: SpreadJudgement | None = None
    verdict: Verdict = "identical" if distance.differs_from is None else "no verdict"
    if len(curves) > 2:
        spread = judge_spread(runs, count, digits.max(0))
        if verdict != "identical":
            verdict = "cannot be told" if spread.farthest else "within the spread"
            verdict = "outside the spread" if spread.is_outside else verdict
    return CurveComparison(verdict, steps, runs, count, distance, spread, tuple(notes))


def _missing(curve: Curve, curves: Sequence[Curve]) -> str | None:
    """Return a note on the steps that other curves have and this one has not."""
    others = np.unique(np.concatenate([other.steps for other in curves]))
    missing = np.setdiff1d(others, curve.steps)
    if not missing.size:
        return None
    shown = ", ".join(map(str, missing[:_SHOWN_STEPS]))
    if missing.size > _SHOWN_STEPS:
        shown += f" and {missing.size - _SHOWN_STEPS} more, up to {missing[-1]}"
    word = "step" if missing.size == 1 else "steps"
    return f"{curve.name} lacks {word} {shown}: only common steps are compared"


def _distance(
    steps: NDArray[np.int64], pair: NDArray[np.float64], digits: NDArray[np.float64]
) -> Distance:
    """Return the distance of two curves, float64 (2, n), with half units of their digits."""
    difference = np.abs(pair[0] - pair[1])
    scale = np.abs(pair).max(0)
    relative = np.divide(difference, scale, out=np.zeros_like(scale), where=scale > 0)
    # Two numbers one unit apart differ, and their half units add up to it, but for rounding.
    agrees = (difference < digits.sum(0) * (1 - 1e-6)) | (difference == 0)
    largest = int(np.argmax(relative))
    differs = np.flatnonzero(~agrees)
    return Distance(
        largest=float(relative[largest]),
        largest_at=int(steps[largest]),
        mean=float(relative.mean()),
        agreeing=int(agrees.sum()),
        differs_from=int(steps[differs[0]]) if differs.size else None,
    )
