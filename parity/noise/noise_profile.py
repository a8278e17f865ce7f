"""One side's tensors in both precisions, and the distance by which rounding moves each."""

from __future__ import annotations

from functools import cached_property

from parity.base.numerics import Precision
from parity.limits import FLOAT32_EPSILON, SHIFTS
from parity.noise.operation_noise import operation_spread
from parity.noise.side_arrays import SideArrays
from parity.noise.side_runner import SideRunner, one_ulp
from parity.trace.sites import TensorSite

Spread = dict[TensorSite, float]


class NoiseProfile:
    """One side's runs in both precisions, and its spread under one-ulp perturbations.

    Args:
        runner: the side.
        check_determinism: whether the side is also compared with a rerun of itself, and perturbed
            `SHIFTS` times instead of once.
        seed: of the perturbations.
    """

    def __init__(self, runner: SideRunner, *, check_determinism: bool, seed: int) -> None:
        self._runner, self._seed = runner, seed
        self.float32 = runner.values("float32")
        self._spread32 = _spread(runner, "float32", seed, SHIFTS if check_determinism else 1)
        self._epsilon = getattr(runner, "epsilon", lambda site: FLOAT32_EPSILON)
        self.float64 = runner.values("float64")
        self._spread64 = _spread(runner, "float64", seed, 1)
        self._rerun_difference = (
            dict(runner.distances("float64", None)) if check_determinism else {}
        )

    def at(self, site: TensorSite) -> SideArrays:
        """Return everything that is known of one tensor."""
        return SideArrays(
            float64=self.float64.get(site),
            float32=self.float32.get(site),
            spread64=self._spread64.get(site, 0.0),
            spread32=self._spread32.get(site, 0.0),
            rerun_difference=self._rerun_difference.get(site, 0.0),
            operation_spread=lambda: self._operations.get(site, 0.0),
            epsilon=self._epsilon(site),
        )

    @cached_property
    def _operations(self) -> Spread:
        # Six runs, made only when a verdict depends on them.
        return operation_spread(self._runner.with_perturbed_operations, self._seed)


def _spread(runner: SideRunner, precision: Precision, seed: int, times: int) -> Spread:
    spread: Spread = {}
    for number in range(times):
        perturbation = one_ulp(precision, seed, number)
        for site, distance in runner.distances(precision, perturbation).items():
            spread[site] = max(spread.get(site, 0.0), distance)
    return spread
