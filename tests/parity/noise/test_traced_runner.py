"""A side whose runs leave traces, as a `SideRunner`."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from parity.limits import FLOAT32_EPSILON
from parity.noise.operation_noise import perturb_results
from parity.noise.rough_difference import rescaled
from parity.noise.side_runner import one_ulp
from parity.noise.traced_runner import TracedRunner
from parity.prepare import prepare


@pytest.fixture
def side(models: ModuleType) -> TracedRunner:
    runner = prepare(models.block_pair()).runner
    return runner.end_to_end_side(runner.reference)


def test_the_two_unperturbed_runs_are_made_once(side: TracedRunner) -> None:
    first, again = side.values("float64"), side.values("float64")
    assert list(first) == list(again)
    site = next(iter(first))
    assert first[site] is again[site]


def test_distances_are_those_from_the_unperturbed_run(side: TracedRunner) -> None:
    assert set(side.distances("float64", None).values()) == {0.0}
    moved = side.distances("float32", one_ulp("float32", 0, 0))
    values = side.values("float32")
    site = next(s for s in values if s.quantity == "output" and s.label == "0")
    size = float(np.abs(values[site]).max())
    assert 0 < moved[site] < 1e4 * FLOAT32_EPSILON * size


def test_a_perturbed_run_keeps_its_tensors(side: TracedRunner) -> None:
    base, moved = side.values("float64"), side.perturbed(rescaled(0, 0))
    assert list(base) == list(moved)
    site = next(s for s in base if s.quantity == "output" and s.label == "0")
    assert 0 < np.abs(base[site] - moved[site]).max() < 1e-5


def test_operations_are_perturbed_where_the_framework_can(side: TracedRunner) -> None:
    moved = side.with_perturbed_operations(perturb_results(0, 0))
    assert moved is not None
    assert max(moved.values()) > 0


def test_a_perturbation_that_the_model_does_not_survive_says_nothing(models: ModuleType) -> None:
    runner = prepare(models.block_pair()).runner
    side = TracedRunner(
        lambda *_: pytest.fail("it is not run"), runner.reference, lambda run: None,
        {"float32": runner.teacher("plain", first=True)},
    )  # fmt: skip
    assert side.distances("float32", one_ulp("float32", 0, 0)) == {}


def test_a_model_that_draws_nothing_depends_on_no_draw(side: TracedRunner) -> None:
    assert side.draws() == {}
    assert side.epsilon(next(iter(side.values("float32")))) == FLOAT32_EPSILON
