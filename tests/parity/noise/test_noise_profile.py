"""The noise of one side: as many runs as are needed, and the largest distance of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from parity.base.numerics import Array, Precision
from parity.base.perturbation import Perturbation, PerturbResult
from parity.limits import SHIFTS
from parity.noise.noise_profile import NoiseProfile
from parity.trace.sites import TensorSite

OUTPUT = TensorSite("forward", "", "output")


class Logged:
    """A side whose distances are counted up, so that each run's is known."""

    def __init__(self) -> None:
        self.log: list[tuple[Precision, bool]] = []
        self.operations = 0

    def values(self, precision: Precision) -> Mapping[TensorSite, Array]:
        return {OUTPUT: np.array([1.0], precision)}

    def distances(
        self, precision: Precision, perturbation: Perturbation | None
    ) -> Mapping[TensorSite, float]:
        self.log.append((precision, perturbation is not None))
        return {OUTPUT: float(len(self.log))}

    def with_perturbed_operations(self, perturb: PerturbResult) -> Mapping[TensorSite, float]:
        self.operations += 1
        return {OUTPUT: float(np.abs(perturb(np.array([1.0])) - 1).max())}


@pytest.mark.parametrize(
    ("check_determinism", "runs", "noise"),
    [
        (True, [("float32", True)] * SHIFTS + [("float64", True), ("float64", False)], (3, 4, 5)),
        (False, [("float32", True), ("float64", True)], (1, 2, 0)),
    ],
)
def test_each_kind_of_noise_is_the_largest_of_its_runs(
    check_determinism: bool, runs: list[Any], noise: tuple[float, float, float]
) -> None:
    side = Logged()
    arrays = NoiseProfile(side, check_determinism=check_determinism, seed=0).at(OUTPUT)
    assert side.log == runs
    assert (arrays.spread32, arrays.spread64, arrays.rerun_difference) == noise


def test_each_precision_has_its_own_array() -> None:
    arrays = NoiseProfile(Logged(), check_determinism=False, seed=0).at(OUTPUT)
    assert arrays.float32 is not None
    assert arrays.float64 is not None
    assert (arrays.float32.dtype, arrays.float64.dtype) == (np.float32, np.float64)


def test_operations_are_perturbed_when_asked_for_and_once() -> None:
    side = Logged()
    profile = NoiseProfile(side, check_determinism=False, seed=0)
    assert side.operations == 0
    assert profile.at(OUTPUT).operation_spread() == 2.0**-52
    runs = side.operations
    assert runs == 2 * SHIFTS
    profile.at(OUTPUT).operation_spread()
    assert side.operations == runs


def test_an_unknown_site_has_no_arrays_and_no_noise() -> None:
    arrays = NoiseProfile(Logged(), check_determinism=True, seed=0).at(OUTPUT._replace(path="a"))
    assert (arrays.float64, arrays.float32) == (None, None)
    assert arrays.spread32 == arrays.spread64 == arrays.rerun_difference == 0
    assert arrays.operation_spread() == 0
