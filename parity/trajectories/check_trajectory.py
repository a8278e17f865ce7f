"""Compares one trajectory, from its two sides to a report."""

from __future__ import annotations

from parity.compare.allowlist import require_used_entries
from parity.report.report import Report
from parity.trajectories.trajectory import HORIZON, Trajectory
from parity.trajectories.trajectory_runner import judge_trajectory


def check_trajectory(trajectory: Trajectory, *, seed: int = 0) -> Report:
    """Compare a trajectory step by step and running free.

    Args:
        trajectory: to compare.
        seed: of the perturbations.

    Raises:
        CannotCompare: a side cannot be built, or raises; or an entry of `allow` matches nothing.
    """
    report = Report(**vars(judge_trajectory(trajectory, seed=seed)))
    allowed = [finding for finding in report.findings if finding.allowed]
    matched = {HORIZON if f.scope == "free_run" else f.path for f in allowed}
    return require_used_entries(report, "allow", trajectory.allow, matched)


check_course = check_trajectory  # its name in version 0.1
