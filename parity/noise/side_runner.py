"""One side of a comparison, to be run as often as a verdict needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from parity.base.keyed_functions import Keyed
from parity.base.numerics import Array, LowPrecision, Precision, distance
from parity.base.perturbation import Perturbation, PerturbResult, perturb_one_ulp
from parity.trace.sites import TensorSite

Values = Mapping[TensorSite, Array]


class SideRunner(Protocol):
    """One side, fed what the teacher was fed."""

    def values(self, precision: Precision) -> Values:
        """Return its tensors by site; the run is made once and kept."""

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """Run again and return the distances from `values`; NaN where either has one."""

    def perturbed(self, perturbation: Perturbation) -> Values:
        """Run again in float64 on perturbed inputs and weights; return the tensors."""

    def with_perturbed_operations(
        self, perturb: PerturbResult
    ) -> Mapping[TensorSite, float] | None:
        """Run in float64 with every operation's result perturbed; return the distances.

        None where the framework cannot do that.
        """


class FunctionRunner:
    """A `SideRunner` of a function that returns all tensors at once.

    Args:
        run: (precision, perturbation or None) -> tensors by site.
        kept: runs that have been made already.
    """

    def __init__(
        self,
        run: Callable[[Precision, Perturbation | None], Values],
        kept: Mapping[Precision, Values] | None = None,
    ) -> None:
        self._run = run
        self._kept = dict(kept or {})

    def values(self, precision: Precision) -> Values:
        """See `SideRunner`."""
        if precision not in self._kept:
            self._kept[precision] = self._run(precision, None)
        return self._kept[precision]

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        """See `SideRunner`."""
        baseline = self.values(precision)
        return {
            site: distance(array, baseline[site].reshape(array.shape))
            for site, array in self._run(precision, perturbation).items()
            if site in baseline and baseline[site].size == array.size
        }

    def perturbed(self, perturbation: Perturbation) -> Values:
        """See `SideRunner`."""
        return self._run("float64", perturbation)

    def with_perturbed_operations(self, perturb: PerturbResult) -> None:
        """See `SideRunner`."""


def one_ulp(precision: Precision, seed: int, number: int) -> Perturbation:
    """Return the `number`-th random one-ulp perturbation of inputs and weights."""

    def perturb(array: Array, name: str, low: LowPrecision | None = None) -> Array:
        return perturb_one_ulp(array, precision, name, seed, "ulp", number, low=low)

    return Keyed(perturb, f"one ulp {precision} {seed} {number}")
