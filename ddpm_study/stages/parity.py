"""Stages that ask the harness: the whole U-Net, layer by layer, and the schedule's tables."""

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
from parity import check
from parity.compare.tables import ulps

REPORT = "parity.json"


def judge(context: Context) -> dict[str, Any]:
    """Compare both U-Nets of the run's configuration, forward and backward."""
    import jittor_env

    jittor_env.load(cuda=context.device == "cuda")
    pair = unet_pair(f"U-Net, {context.preset}", context.config.unet, 2, stress_inputs=("plain",))
    report = check(pair, seed=context.config.train.seed)
    report.save(context.folder.path / REPORT)
    return {
        "report": REPORT,
        "passed": report.passed,
        "verdict": report.verdict.name,
        "places": len(report.findings),
        "counts": report.counts,
    }


def judge_schedule(context: Context) -> dict[str, Any]:
    """Measure how far both sides' tables are from exact arithmetic, in ulps of float64."""
    config = context.config.diffusion
    with mpmath.workdps(60):
        exact = exact_tables(config)
        return {
            "tables": [
                {
                    "table": name,
                    "explained": conditioning(exact, name, config.schedule),
                    **{f: ulps(_table(f, name, config), exact[name]) for f in FRAMEWORKS},
                }
                for name in exact
            ]
        }


def _table(framework: str, name: str, config: DiffusionConfig) -> np.ndarray:
    schedule = import_module(f"impl_{framework}.schedule").Schedule(config)
    return np.asarray(getattr(schedule, name))
