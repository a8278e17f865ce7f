"""The training loops of both implementations, recorded in one framework and judged in the other."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jittor_env
import parity
from ddpm.config import preset

jittor_env.load()
CONFIG = preset("tiny").with_(train={"warmup_steps": 3})
SIDES = ("torch", "jittor")
IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 4, 1, 28, 28)).astype(np.float32)


def trainer(side: str) -> Any:
    return importlib.import_module(f"impl_{side}.train").Trainer(CONFIG)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for side in SIDES:
        made = trainer(side)
        with parity.recording_steps(
            folder / side, made.model, made.optimizer, average=made.ema, steps=[0, 2]
        ):
            losses = [made.train_step(batch) for batch in IMAGES]
        plain = trainer(side)
        assert losses == [plain.train_step(batch) for batch in IMAGES]
    return {side: folder / side for side in SIDES}


def judged(run: Path, side: str, change: Callable[[Any], None] = lambda made: None) -> Any:
    made = trainer(side)
    change(made)
    with parity.replaying_steps(run, made.model, made.optimizer, average=made.ema) as judge:
        for batch in IMAGES:
            made.train_step(batch)
    return judge.report


@pytest.mark.parametrize("judged_side", SIDES)
@pytest.mark.parametrize("recorded", SIDES)
def test_the_loops_agree_in_every_direction(
    recorded: str, judged_side: str, runs: dict[str, Path]
) -> None:
    report = judged(runs[recorded], judged_side)
    assert report.passed, str(report)
    assert len(report.findings) > 1_000
    assert "average" in {finding.phase for finding in report.findings}


def never_averaged(made: Any) -> None:
    made.ema.update = lambda model: None


def slower_warm_up(made: Any) -> None:
    made.config = made.config.with_(train={"warmup_steps": 4})


def other_clipping(made: Any) -> None:
    made.config = made.config.with_(train={"clip_norm": 0.01})


FAULTS = [
    (never_averaged, "average"),
    (slower_warm_up, "scheduler"),
    (other_clipping, "clipping"),
]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("fault", "phase"), FAULTS)
def test_a_fault_is_found_in_its_phase(
    fault: Callable[[Any], None], phase: str, side: str, runs: dict[str, Path]
) -> None:
    report = judged(runs["torch"], side, fault)
    assert {f.phase for f in report.findings if f.is_fault} == {phase}, str(report)
