"""Steppers that return nothing, something else than arrays, or tensors and numbers."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any

import numpy as np
import pytest
import torch

from parity import CannotCompare, Report, Trajectory, Verdict, check_trajectory
from parity.verdict import Cause


class Steps:
    def __init__(self, state: Any, reported: Any = None) -> None:
        self.held, self.reported = state, reported

    def state(self) -> Any:
        return self.held() if callable(self.held) else self.held

    def load(self, state: Any) -> None:
        """Continue as before."""

    def step(self, number: int) -> Any:
        return self.reported() if callable(self.reported) else self.reported


def steps(state: Any, reported: Any = None, other: Any = None, **more: Any) -> Report:
    settings: dict[str, Any] = {"phase": "optimizer", "steps": 1, **more}
    return check_trajectory(
        Trajectory(
            name="training",
            reference=lambda precision: Steps(state, reported),
            candidate=lambda precision: Steps(other or state, reported),
            **settings,
        )
    )


A = {"a": np.ones(2)}


@pytest.mark.parametrize(
    ("state", "more"),
    [
        ({}, {}),
        ({"group:a": np.zeros(0)}, {}),
        ({}, {"steps": 0, "free": 2}),
        (A, {"steps": 0}),
        (A, {"steps": 0, "free": 2, "phase": "sampling"}),
    ],
)
def test_a_trajectory_that_compares_nothing_is_an_error(state: Any, more: Any) -> None:
    report = steps(state, **more)
    assert report.verdict is Verdict.ERROR
    assert [f.cause for f in report.findings] == [Cause.NO_OUTPUT]


def test_a_step_may_report_nothing() -> None:
    assert steps(A).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    ("state", "reported", "more", "text"),
    [
        (lambda: None, None, {}, "the reference's state.. returned NoneType: return arrays by"),
        ([1], None, {}, "the reference's state.. returned list"),
        ({"a": None}, None, {}, "the reference's state.. returned NoneType as 'a'"),
        (A, "x", {}, r"step 0 in float64, step\(\) returned str"),
        (A, {"loss": None}, {}, r"step\(\) returned NoneType as 'loss'"),
        (A, [1], {"steps": 0, "free": 1}, r"step\(0\) returned list"),
        (A, lambda: 1 / 0, {"steps": 0, "free": 1}, "running free in float64, raised ZeroDivision"),
        (
            chain([A], repeat({})).__next__,
            None,
            {},
            "state.. had 'a' before a step",
        ),
    ],
)
def test_a_trajectory_that_returns_no_arrays_is_one_line(
    state: Any, reported: Any, more: Any, text: str
) -> None:
    with pytest.raises(CannotCompare, match=text) as raised:
        steps(state, reported, {"a": np.ones(2)}, **more)
    assert "\n" not in str(raised.value)


def test_the_candidates_state_is_named_as_its_own() -> None:
    with pytest.raises(CannotCompare, match=r"the candidate, at step 0 in float\d\d, state"):
        steps(A, None, lambda: None)


def test_a_state_may_hold_tensors_and_numbers() -> None:
    state = {"a": torch.ones(2, dtype=torch.float64, requires_grad=True), "b": 1.5, "c": 3}
    assert steps(state).verdict is Verdict.IDENTICAL
