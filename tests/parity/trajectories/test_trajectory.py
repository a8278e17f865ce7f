"""A trajectory is described by what its user writes; the rest has defaults that leave it out."""

from __future__ import annotations

import dataclasses

import pytest

from parity import Trajectory
from parity.trajectories.trajectory import Stepper


def build(precision: str) -> Stepper:
    raise NotImplementedError(precision)


def test_a_trajectory_has_no_free_run_and_allows_nothing_unless_its_user_says_so() -> None:
    trajectory = Trajectory(
        name="t", phase="sampling", reference=build, candidate=build, steps=3
    )  # fmt: skip
    assert (trajectory.free, trajectory.gain, trajectory.allow) == (0, 1.0, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        trajectory.steps = 4  # type: ignore[misc]
