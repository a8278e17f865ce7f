"""A side that is run again: once kept, then only its distances from the kept run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from parity.base.perturbation import Perturbation
from parity.noise.side_runner import FunctionRunner, one_ulp
from parity.trace.sites import TensorSite

OUTPUT = TensorSite("forward", "", "output")
EXTRA = TensorSite("forward", "a", "output", owner="a")


class Counted:
    """Returns what it is given, perturbed; counts its runs."""

    def __init__(self, values: Mapping[TensorSite, Any]) -> None:
        self.values, self.runs = values, 0

    def __call__(self, precision: str, perturbation: Perturbation | None) -> dict[Any, Any]:
        self.runs += 1
        arrays = {site: np.asarray(value, precision) for site, value in self.values.items()}
        if perturbation is None:
            return arrays
        return {site: perturbation(array, "x") for site, array in arrays.items()}


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_run_is_made_once_and_its_reruns_are_compared_with_it(precision: Any) -> None:
    run = Counted({OUTPUT: [1.5, 0.0]})
    runner = FunctionRunner(run)
    assert runner.values(precision) is runner.values(precision)
    assert run.runs == 1
    assert runner.distances(precision, None) == {OUTPUT: 0.0}
    moved = runner.distances(precision, one_ulp(precision, 0, 0))
    assert moved == {OUTPUT: float(np.spacing(np.asarray(1.5, precision)))}


def test_a_run_that_was_made_before_is_not_repeated() -> None:
    run = Counted({OUTPUT: [1.0]})
    runner = FunctionRunner(run, {"float64": {OUTPUT: np.array([2.0])}})
    assert runner.distances("float64", None) == {OUTPUT: 1.0}
    assert run.runs == 1


def test_what_has_no_partner_of_its_size_has_no_distance() -> None:
    run = Counted({OUTPUT: [1.0, 2.0], EXTRA: [1.0]})
    assert FunctionRunner(run, {"float64": {OUTPUT: np.zeros(3)}}).distances("float64", None) == {}


def test_another_shape_of_one_size_is_compared() -> None:
    run = Counted({OUTPUT: [1.0, 2.0]})
    runner = FunctionRunner(run, {"float64": {OUTPUT: np.array([[1.0], [2.5]])}})
    assert runner.distances("float64", None) == {OUTPUT: 0.5}


def test_perturbations_differ_by_number_seed_and_name() -> None:
    x = np.full(64, 1.5)
    first = one_ulp("float64", 0, 0)
    assert (first(x, "a") == one_ulp("float64", 0, 0)(x, "a")).all()
    for seed, number, name in [(0, 0, "b"), (0, 1, "a"), (1, 0, "a")]:
        assert (first(x, "a") != one_ulp("float64", seed, number)(x, name)).any()
