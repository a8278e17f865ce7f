"""Tells whether Adam's epsilon, placed otherwise, explains what an optimizer's steps differ by."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from parity.base.numerics import distance, magnitude
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare
from parity.limits import K
from parity.report.finding import Finding
from parity.trajectories.adam_epsilon import EPSILON_VARIANT, with_epsilon_before_correction
from parity.trajectories.optimizer_check import trajectories
from parity.trajectories.trajectory_runner import values_of_step

ADAM_EPSILON = "jittor.adam.eps"


def name_adam_epsilon(findings: Sequence[Finding], runner: PairRunner) -> list[Finding]:
    """Return the findings; those that Jittor's epsilon explains carry its name.

    PyTorch's side is run again with its epsilon divided by sqrt(1 - beta2^step), which is what
    adding it before the bias correction amounts to.
    """
    failing = [
        finding
        for finding in findings
        if finding.is_fault
        and finding.scope == "step"
        and finding.known is None
        # What differs in float32 alone agrees in float64 whatever epsilon is.
        and finding.precision == "float64"
    ]
    frameworks = {side.adapter.framework for side in (runner.reference, runner.candidate)}
    if not failing or frameworks != {"torch", "jittor"}:
        return list(findings)
    explained = _explained(failing, runner)
    return [
        dataclasses.replace(f, known=ADAM_EPSILON, allowance=runner.pair.accept.get(ADAM_EPSILON))
        if f in explained
        else f
        for f in findings
    ]


def _explained(failing: Sequence[Finding], runner: PairRunner) -> list[Finding]:
    pair = with_epsilon_before_correction(runner.pair)
    try:
        steps = trajectories(dataclasses.replace(runner, pair=pair), variant=EPSILON_VARIANT)[0]
        explained = []
        for step in sorted({f.step or 0 for f in failing}):
            reference, candidate = values_of_step(steps, step, "float64")
            for finding in failing:
                site = finding.site._replace(step=None)
                if (finding.step or 0) == step and site in reference and site in candidate:
                    allowed = K * finding.noise * magnitude(reference[site])
                    if distance(candidate[site], reference[site]) <= allowed:
                        explained.append(finding)
    except (CannotCompare, KeyError):
        return []  # an optimizer without such an epsilon
    return explained
