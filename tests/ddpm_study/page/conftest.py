"""A run's folder as `ddpm reproduce` leaves it, made quickly from known numbers."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.config import preset
from ddpm.logs.run_log import RunLog
from ddpm.sampling import SamplingOutcome
from ddpm_study.run.plan import NAMES
from ddpm_study.run.records import Record, RunFolder, RunManifest
from ddpm_study.run.sizes import SIZES
from parity.report.finding import Finding
from parity.report.report import Report
from parity.verdict import Verdict

STEPS = 60
SIDES = ("torch", "jittor")


def finding(path: str, phase: Any, error: float, verdict: Verdict) -> Finding:
    return Finding(path=path, phase=phase, verdict=verdict, error=error, noise=1e-6)


def harness_report(*, fault: bool = False) -> Report:
    worst = Verdict.SEMANTIC_DIFFERENCE if fault else Verdict.WITHIN_NOISE
    return Report(
        pair="U-Net",
        findings=(
            finding("conv_in", "forward", 1e-7, Verdict.WITHIN_NOISE),
            finding("mid.attention", "forward", 3e-3 if fault else 2e-7, worst),
            finding("conv_in", "backward", 4e-7, Verdict.WITHIN_NOISE),
        ),
    )


def schedule_report(*, fault: bool = False) -> Report:
    error, verdict = 4.5, Verdict.WITHIN_NOISE
    if fault:
        error, verdict = 9e9, Verdict.SEMANTIC_DIFFERENCE
    table = Finding(
        path="",
        phase="schedule",
        quantity="table",
        label="alpha_bar",
        verdict=verdict,
        error=error,
        noise=800.0,
    )
    return Report(pair="schedule", findings=(table,))


def discrepancy(quantity: str, *, is_rounding: bool = True) -> dict[str, Any]:
    float64 = 2e-14 if is_rounding else 3e-6
    return {
        "quantity": quantity,
        "float32": 3e-6,
        "float64": float64,
        "is_rounding": is_rounding,
    }


def pixels(equal: float) -> dict[str, Any]:
    return {
        "equal": equal,
        "within_one": 1.0,
        "largest": 1,
        "images": 9,
        "relative_difference": 3e-6,
    }


def score(title: str, framework: str, fid: float) -> dict[str, Any]:
    return {
        "title": title,
        "framework": framework,
        "count": 500,
        "real_count": 5000,
        "fid": fid,
        "fid_interval": [fid - 1, fid + 1],
        "fid_infinity": fid - 2,
        "fid_bias": 2.0,
        "fid_bias_real": 0.25,
        "kid": 0.01,
        "inception_score": 5.0,
        "inception_score_interval": [4.5, 5.5],
        "precision": 0.5,
        "recall": 0.25,
    }


def timed(title: str, median: float) -> dict[str, Any]:
    return {
        "title": title,
        "seconds": {"torch": [1.0, 1.1, 1.2], "jittor": [2.0, 2.2, 2.4]},
        "median": {"torch": 1.1, "jittor": 2.2},
        "ratio": {"median": median, "low": median - 0.25, "high": median + 0.5, "count": 3},
        "peak_memory": {"torch": 300 * 2**20, "jittor": 400 * 2**20},
    }


def stage_results(*, fault: bool, no_gradient: int, ratio: float) -> dict[str, dict[str, Any]]:
    """Return the results of the stages that write no files but reports; see `make_run`."""
    return {
        "prepare": {"images": 100},
        "parity": {"report": "parity.json"},
        "schedule": {
            "report": "schedule.json",
            "tables": [
                {"table": "alpha_bar", "explained": 800.0, "torch": 3.0, "jittor": 4.5},
                {"table": "beta", "explained": 8.0, "torch": 0.0, "jittor": 0.5},
            ],
        },
        "ensemble": {
            "steps": 20,
            "spread": np.geomspace(1e-7, 0.1, 20).tolist(),
            "difference": np.geomspace(1e-7, 0.05, 20).tolist(),
            "horizon": 17,
            "limit": 0.01,
            "within": 0.9,
        },
        "pixels": {"same_weights": pixels(0.99984), "own_weights": pixels(0.98)},
        "precision": {
            "steps": 20,
            "batch": 8,
            "agree": not fault and not no_gradient,
            "discrepancies": [discrepancy("loss"), discrepancy("weights", is_rounding=not fault)],
            "parameters": {
                "compared": ["conv_out.weight"] * (140 - no_gradient),
                "zero_gradient": ["key.bias"] * 4,
                "no_gradient": ["conv_in.weight"] * no_gradient,
            },
            "pixels": {"float64": pixels(1.0), "float32": pixels(0.9999)},
        },
        "seeds": {"framework": "torch", "runs": []},
        "scores": {
            "label": "FID-digits",
            "inception_label": "IS-digits",
            "unavailable": [],
            "enough": 10_000,
            "rows": [
                score("PyTorch, own weights", "torch", 10.88),
                score("Jittor, own weights", "jittor", 10.06),
                score("Jittor, PyTorch's weights", "jittor", 10.88),
                score("PyTorch, seed 1", "", 11.5),
            ],
        },
        "timing": {"benchmarks": [timed("training step", ratio), timed("sampling step", 1.0)]},
    }


def write_trainings_and_samples(path: Path) -> dict[str, dict[str, Any]]:
    """Write logs and samples of both sides; return the results of their stages."""
    results: dict[str, dict[str, Any]] = {}
    random = np.random.default_rng(0)
    for side in SIDES:
        with RunLog(path / side / "logs") as log:
            for step, loss in enumerate(np.geomspace(1, 0.05, STEPS)):
                log.step(epoch=1, step=step, loss=loss * (1 + 1e-6 * random.standard_normal()))
        results[f"train-{side}"] = {
            "log": f"{side}/logs/train_log.txt",
            "parameters": 44969,
            "steps": STEPS,
            "first_loss": 1.0000001,
            "last_loss": 0.0612345,
            "tail": 50,
            "epochs": [{"epoch": 1, "seconds": 12.5, "images_per_second": 5.0}],
        }
    for stage, place in (
        ("sample-torch", "torch"),
        ("sample-jittor", "jittor"),
        ("sample-same", "jittor-from-torch"),
    ):
        drawn = random.uniform(-1, 1, (9, 1, 8, 8))
        frames = dict.fromkeys((100, 50, 0), drawn[:4])
        SamplingOutcome(drawn, frames).save(path / place / "samples.npz")
        results[stage] = {"samples": f"{place}/samples.npz"}
    return results


def make_run(
    path: Path,
    *,
    fault: bool = False,
    schedule_fault: bool = False,
    no_gradient: int = 0,
    skipped: tuple[str, ...] = (),
    ratio: float = 2.0,
) -> Path:
    """Write a run.

    Args:
        path: of the folder.
        fault: the harness and the comparison of precisions find one.
        schedule_fault: the comparison of schedules finds one.
        no_gradient: weights, of 144, that got no gradient.
        skipped: stages.
        ratio: of the times of a training step.
    """
    folder = RunFolder(path)
    scale = asdict(SIZES["tiny"])
    config = preset("tiny").to_dict()
    folder.write_manifest(
        RunManifest("tiny", "mnist", "abc", config, scale, list(NAMES), list(skipped))
    )
    harness_report(fault=fault).save(path / "parity.json")
    schedule_report(fault=schedule_fault).save(path / "schedule.json")
    results = stage_results(fault=fault, no_gradient=no_gradient, ratio=ratio)
    results |= write_trainings_and_samples(path)
    for stage, result in results.items():
        if stage not in skipped:
            now = "2026-01-01T00:00:00+00:00"
            folder.write_record(Record(stage, now, 1.0, {"torch": "2.13"}, result))
    return path


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")
