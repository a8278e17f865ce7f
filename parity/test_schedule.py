"""Both sides' tables of the noise schedule against exact arithmetic, in ulps."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import mpmath
import numpy as np
import pytest

from ddpm.config import DiffusionConfig
from ddpm_study.exact_schedule import conditioning, exact_tables
from parity.compare.tables import judge_table
from parity.plugin import record
from parity.report.report import Report

pytestmark = pytest.mark.parity_own
TABLES = (
    "beta",
    "alpha",
    "alpha_bar",
    "alpha_bar_previous",
    "sqrt_alpha_bar",
    "sqrt_one_minus_alpha_bar",
    "posterior_variance",
    "posterior_mean_x0",
    "posterior_mean_xt",
    "sigma",
)


def tables(framework: str, config: DiffusionConfig) -> dict[str, np.ndarray[Any, Any]]:
    schedule = import_module(f"impl_{framework}.schedule").Schedule(config)
    return {name: np.asarray(getattr(schedule, name)) for name in TABLES}


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_tables_are_as_exact_as_their_operations_allow(
    schedule: Any, variance: Any, request: pytest.FixtureRequest
) -> None:
    config = DiffusionConfig(schedule=schedule, variance=variance)
    with mpmath.workdps(60):
        exact = exact_tables(config)
        ours, theirs = (tables(framework, config) for framework in ("torch", "jittor"))
        findings = [
            judge_table(
                name, ours[name], theirs[name], exact[name], conditioning(exact, name, schedule)
            )
            for name in TABLES
        ]
    report = Report(pair=f"schedule, {schedule}, {variance}", findings=tuple(findings))
    record(request.config, report)
    assert report.passed, str(report)
