"""What rounding inside a model does, where no shift of what flows in can show it.

A table made from integers and written-out numbers, a timestep's sinusoids for example, does not
move when weights and inputs do. And where it is computed in float64 at either precision, float32
says nothing of it. So every operation's own result is moved at random by one ulp: Monte Carlo
arithmetic (Parker 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from parity.base.numerics import Array
from parity.base.rng import perturb_one_ulp
from parity.errors import CannotCompare
from parity.trace.sites import TensorSite
from parity.verdict import SHIFTS

PerturbResult = Callable[[Array], Array]
# (move) -> how far every place of one side moves in float64, each operation's result moved.
Stirred = Callable[[PerturbResult], Mapping[TensorSite, float] | None]
# Rounding grows with the size of the moves; where whole numbers are made of floats, an index that
# jumps does not, and is no rounding. Told apart at the geometric middle.
WIDER = 2.0**10


def perturbed(seed: int, number: int, ulps: float = 1.0) -> PerturbResult:
    """Return what moves float64 arrays by so many ulps, up or down, anew at every call."""
    calls = 0

    def perturb(array: Array) -> Array:
        nonlocal calls
        calls += 1
        result: Array = perturb_one_ulp(array, "float64", str(calls), seed, "operation", number)
        with np.errstate(invalid="ignore", over="ignore"):
            result -= array
            result *= ulps
            result += array
        np.copyto(result, array, where=~np.isfinite(array))
        return result

    return perturb


def operation_spread(stirred: Stirred, seed: int) -> dict[TensorSite, float]:
    """Return how far one-ulp moves of every operation's result move each place.

    Args:
        stirred: runs the side; None where its framework cannot say, and then nothing is known.
        seed: of the moves.
    """
    try:
        narrow = _spread(stirred, seed, 1.0)
        wide = _spread(stirred, seed, WIDER)
    except CannotCompare:
        return {}  # the moves made the side raise: nothing is known of it
    return {p: gap for p, gap in narrow.items() if wide.get(p, 0.0) >= WIDER**0.5 * gap}


def _spread(stirred: Stirred, seed: int, ulps: float) -> dict[TensorSite, float]:
    spread: dict[TensorSite, float] = {}
    for number in range(SHIFTS):
        for site, gap in (stirred(perturbed(seed, number, ulps)) or {}).items():
            spread[site] = max(spread.get(site, 0.0), gap)
    return spread
