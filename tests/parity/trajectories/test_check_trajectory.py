"""The names of version 0.1 still work."""

from __future__ import annotations

import parity
from parity.trajectories import check_trajectory as module


def test_the_names_of_version_0_1_are_the_same_objects() -> None:
    assert parity.Course is parity.Trajectory
    assert parity.check_course is parity.check_trajectory is module.check_trajectory
