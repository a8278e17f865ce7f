"""The stages that use the harness: the whole U-Net layer by layer, and the schedule's tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import mpmath

from ddpm_study.exact_schedule import exact_and_limits
from ddpm_study.pairs import schedule_tables, unet_pair
from ddpm_study.run.stage import Context
from parity import Report, check
from parity.compare.tables import DIGITS, check_tables, ulps

UNET_REPORT, SCHEDULE_REPORT = "parity.json", "schedule.json"


def compare_unets(context: Context) -> dict[str, Any]:
    """Compare both U-Nets of the run's configuration, forward and backward."""
    import jittor_env

    jittor_env.load(cuda=context.device == "cuda")
    pair = unet_pair(f"U-Net, {context.preset}", context.config.unet, 2, stress_inputs=("plain",))
    report = check(pair, seed=context.config.train.seed)
    return _saved(context, report, UNET_REPORT)


def compare_schedules(context: Context) -> dict[str, Any]:
    """Compare both schedules' tables with exact arithmetic.

    Returns:
        The report's verdict, and `tables`: each table's largest error in either framework and what
        its operations explain, in ulps of float64.
    """
    config = context.config.diffusion
    with mpmath.workdps(DIGITS):
        exact = exact_and_limits(config)
        tables = schedule_tables(f"schedule, {context.preset}", config)
        report = check_tables(replace(tables, exact=lambda: exact))
        values = {"torch": tables.reference(), "jittor": tables.candidate()}
        errors = [
            {
                "table": name,
                "explained": limit,
                **{framework: ulps(values[framework][name], each) for framework in values},
            }
            for name, (each, limit) in exact.items()
        ]
    return {**_saved(context, report, SCHEDULE_REPORT), "tables": errors}


def _saved(context: Context, report: Report, name: str) -> dict[str, Any]:
    """Write a report into the run's folder; return what the stage's record says of it."""
    report.save(context.folder.path / name)
    return {
        "report": name,
        "passed": report.passed,
        "verdict": report.verdict.name,
        "findings": len(report.findings),
        "counts": report.counts,
    }
