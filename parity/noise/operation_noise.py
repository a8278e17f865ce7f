"""Rounding inside a model that no perturbation of inputs and weights can show.

A table made from integers and constants, a timestep's sinusoids for example, stays the same when
weights and inputs are perturbed. Where it is computed in float64 in either run, float32 says
nothing of it. So the result of every operation is perturbed at random by one ulp: Monte Carlo
arithmetic (Parker 1997).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from parity.base.keyed_functions import Keyed
from parity.base.numerics import Array
from parity.base.perturbation import PerturbResult, perturb_one_ulp
from parity.errors import CannotCompare, NotRecorded
from parity.limits import SHIFTS
from parity.trace.sites import TensorSite

# (perturb) -> how far every tensor of one side moves in float64, each operation's result perturbed;
# None where the framework cannot do that.
RunPerturbed = Callable[[PerturbResult], Mapping[TensorSite, float] | None]
# Rounding grows with the size of the perturbation. A jump does not, where an integer, an index for
# example, is made of floats, and it is no rounding. The geometric mean tells them apart.
WIDER = 2.0**10


def perturb_results(seed: int, number: int, ulps: float = 1.0) -> PerturbResult:
    """Return a function that moves float64 arrays up or down by `ulps`, anew at every call."""
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

    return Keyed(perturb, f"operations {seed} {number} {ulps:g}")


def operation_spread(run_perturbed: RunPerturbed, seed: int) -> dict[TensorSite, float]:
    """Return how far one-ulp perturbations of every operation's result move each tensor.

    Args:
        run_perturbed: runs the side.
        seed: of the perturbations.
    """
    try:
        narrow = _spread(run_perturbed, seed, 1.0)
        wide = _spread(run_perturbed, seed, WIDER)
    except NotRecorded:
        raise
    except CannotCompare:
        return {}  # the side raises under perturbations: nothing is known of it
    return {site: d for site, d in narrow.items() if wide.get(site, 0.0) >= WIDER**0.5 * d}


def _spread(run_perturbed: RunPerturbed, seed: int, ulps: float) -> dict[TensorSite, float]:
    spread: dict[TensorSite, float] = {}
    for number in range(SHIFTS):
        perturb = perturb_results(seed, number, ulps)
        for site, distance in (run_perturbed(perturb) or {}).items():
            spread[site] = max(spread.get(site, 0.0), distance)
    return spread
