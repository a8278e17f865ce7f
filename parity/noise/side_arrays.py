"""The arrays that one side left for one tensor, and what is known of the sums behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from parity.base.numerics import Array
from parity.limits import FLOAT32_EPSILON


class Sums(NamedTuple):
    """The sums behind one tensor, as far as they are known, see `Measured`.

    Attributes:
        cancellation_scale: magnitude of the terms; 0 for the tensor's own.
        terms: largest number of terms that may have been summed into an element.
        alike: whether the terms are all alike.
    """

    cancellation_scale: float = 0.0
    terms: float = 1.0
    alike: bool = False


NO_SUMS = Sums()


@dataclass(frozen=True, kw_only=True)
class SideArrays:
    """One side's results for one tensor.

    Attributes:
        float64, float32: the tensor of a run in that precision; None where the side does not reach
            it.
        spread64, spread32: largest distance between a run with one-ulp perturbations and the run
            without, in that precision.
        rerun_difference: largest distance between two identical runs in float64.
        operation_spread: () -> largest distance in float64 between a run whose every operation is
            perturbed by one ulp and the run without; called only where it may change the verdict.
        epsilon: of the coarsest precision in which a float32 run computes it.
    """

    float64: Array | None
    float32: Array | None
    spread64: float = 0.0
    spread32: float = 0.0
    rerun_difference: float = 0.0
    operation_spread: Callable[[], float] = lambda: 0.0
    epsilon: float = FLOAT32_EPSILON
