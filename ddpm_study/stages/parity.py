"""The stages that use the harness: the whole U-Net layer by layer, and the schedule's tables."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import mpmath
import numpy as np

from ddpm.config import DiffusionConfig
from ddpm_study.exact_schedule import conditioning, exact_tables
from ddpm_study.pairs import unet_pair
from ddpm_study.run.stage import Context
from implementations import FRAMEWORKS
from parity import Report, check
from parity.compare.tables import judge_table, ulps

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
        The report's verdict, and `tables`: each table's largest error on either side and what its
        operations explain, in ulps of float64.
    """
    config = context.config.diffusion
    tables, findings = [], []
    with mpmath.workdps(60):
        exact = exact_tables(config)
        for name in exact:
            explained = conditioning(exact, name, config.schedule)
            reference, candidate = (_table(f, name, config) for f in FRAMEWORKS)
            findings.append(judge_table(name, reference, candidate, exact[name], explained))
            errors = dict(
                zip(FRAMEWORKS, (ulps(t, exact[name]) for t in (reference, candidate)), strict=True)
            )
            tables.append({"table": name, "explained": explained, **errors})
    report = Report(pair=f"schedule, {context.preset}", findings=findings)
    return {**_saved(context, report, SCHEDULE_REPORT), "tables": tables}


def _table(framework: str, name: str, config: DiffusionConfig) -> np.ndarray:
    schedule = import_module(f"impl_{framework}.schedule").Schedule(config)
    return np.asarray(getattr(schedule, name))


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
