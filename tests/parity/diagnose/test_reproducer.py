"""One tensor, run again alone, gives what the comparison judged, in every phase."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from parity import CannotCompare, Finding, Pair, check
from parity.diagnose.reproducer import replay, script
from parity.trajectories.check_trajectory import check_trajectory
from parity.trajectories.trajectory import Trajectory


def arguments(finding: Finding) -> dict[str, Any]:
    return {
        "site": finding.site._asdict(),
        "stress_input": finding.stress_input or "plain",
        "precision": finding.precision,
    }


@pytest.mark.parametrize("fault", ["glue", "residual", "cut", "gradient", "transposed"])
def test_the_distance_is_the_one_that_was_reported(fault: str, models: ModuleType) -> None:
    def reference() -> torch.nn.Module:
        torch.manual_seed(0)  # built twice, and compared with what the first one gave
        return models.Block()

    pair = dataclasses.replace(models.faulty(fault), reference=reference)
    report = check(pair)
    failing = [f for f in report.findings if not f.passes() and np.isfinite(f.error)]
    assert failing
    for finding in failing[:3] + failing[-1:]:
        reference, candidate = replay(pair, **arguments(finding))
        error = np.abs(candidate - reference).max() / np.abs(reference).max()
        assert error == pytest.approx(finding.error, rel=1e-12)


def test_an_initial_value_is_shown(models: ModuleType) -> None:
    def wide() -> torch.nn.Module:
        block = models.Block()
        torch.nn.init.ones_(block.head.bias)
        return block

    pair = models.block_pair(wide, init=True)
    first = check(pair).first_divergence
    assert first is not None
    reference, candidate = replay(pair, **arguments(first))
    assert (candidate == 1).all()
    assert reference.shape == candidate.shape


class _Counter:
    """x <- 0.9 x + step, or a wrong factor from the third step on."""

    def __init__(self, precision: str, wrong: float) -> None:
        self.x, self.wrong = np.ones(4, precision), wrong

    def state(self) -> dict[str, np.ndarray]:
        return {"x": self.x}

    def load(self, state: dict[str, np.ndarray]) -> None:
        self.x = state["x"]

    def step(self, number: int) -> dict[str, np.ndarray]:
        factor = np.asarray(0.9 + (self.wrong if number >= 3 else 0), self.x.dtype)
        self.x = factor * self.x + np.asarray(number, self.x.dtype)
        return {"sum": self.x.sum()}


def test_a_step_of_a_course_is_taken_from_the_same_state() -> None:
    trajectory = Trajectory(
        name="counter",
        phase="optimizer",
        reference=lambda precision: _Counter(precision, 0.0),
        candidate=lambda precision: _Counter(precision, 1e-3),
        steps=6,
        free=6,
    )
    failing = [f for f in check_trajectory(trajectory).findings if not f.passes()]
    assert {(f.scope, f.step) for f in failing} == {
        ("step", 3),
        *(("free_run", n) for n in (3, 4, 5)),
    }
    for finding in failing:
        reference, candidate = replay(trajectory, **arguments(finding))
        error = np.abs(candidate - reference).max() / np.abs(reference).max()
        assert error == pytest.approx(finding.error, rel=1e-12)


def test_a_place_that_is_not_there_is_said(models: ModuleType) -> None:
    nowhere = {"path": "nowhere", "phase": "forward", "quantity": "output", "owner": "nowhere"}
    with pytest.raises(CannotCompare, match="no forward of 'output' at 'nowhere'"):
        replay(models.block_pair(), site=nowhere)


def test_the_script_is_short_and_is_python(models: ModuleType) -> None:
    pair: Pair = models.faulty("glue")
    first = check(pair).first_divergence
    assert first is not None
    text = script(pair.name, first, "my_pairs:unet", 0)
    assert len(text.splitlines()) <= 40
    compile(text, "show.py", "exec")
