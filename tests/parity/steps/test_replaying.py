"""A loop judged against recorded steps, by the context manager."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import parity


class Parts:
    """A model, its optimizer and an average of its weights."""

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
        self.average = copy.deepcopy(self.model)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=0.01)

    def loop(self, steps: int = 3, *, decay: float = 0.9, batch: Any = None, seed: int = 9) -> None:
        data = np.random.default_rng(seed).standard_normal((steps, 6, 5), np.float32)
        for x in torch.from_numpy(data):
            x = x if batch is None else batch(x)
            self.optimizer.zero_grad()
            F.mse_loss(self.model(x), x[:, :2]).backward()
            self.optimizer.step()
            with torch.no_grad():
                for mean, weight in zip(
                    self.average.parameters(), self.model.parameters(), strict=True
                ):
                    mean.lerp_(weight, 1 - decay)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "run.parity"
    parts = Parts()
    with parity.recording_steps(
        path, parts.model, parts.optimizer, average=parts.average, steps=2
    ) as recorder:
        parts.loop(batch=recorder.batch)
    return path


def judged(run: Path, loop: Callable[[Parts, Any], None], **options: Any) -> parity.Report:
    parts = Parts(seed=4)  # other weights, which the recorded ones replace
    with parity.replaying_steps(
        run, parts.model, parts.optimizer, average=parts.average, **options
    ) as judge:
        loop(parts, judge)
    return judge.report


def test_the_same_loop_agrees_whatever_weights_it_starts_from(run: Path) -> None:
    report = judged(run, lambda parts, judge: parts.loop(batch=judge.batch))
    assert report.passed, str(report)
    assert {f.phase for f in report.findings} >= {"average", "optimizer", "backward", "loss"}


def test_an_average_that_is_never_updated_is_found(run: Path) -> None:
    report = judged(run, lambda parts, judge: parts.loop(batch=judge.batch, decay=1.0))
    assert report.first_divergence is not None
    assert report.first_divergence.phase == "average"
    assert {f.phase for f in report.findings if f.is_fault} == {"average"}


def test_other_batches_are_named_and_may_be_expected(run: Path) -> None:
    report = judged(run, lambda parts, judge: parts.loop(batch=judge.batch, seed=1))
    assert {f.phase for f in report.findings if f.is_fault} == {"data"}
    expected = judged(
        run, lambda parts, judge: parts.loop(batch=judge.batch, seed=1), own_data=True
    )
    assert expected.passed
    assert any("own" in note for note in expected.notes)


def test_recorded_steps_that_the_loop_does_not_reach_are_named(run: Path) -> None:
    report = judged(run, lambda parts, judge: parts.loop(1, batch=judge.batch))
    assert any("did not reach: 1" in note for note in report.notes)


def test_a_loop_without_any_recorded_step_is_refused(run: Path) -> None:
    with pytest.raises(parity.CannotCompare, match="no step 0, 1 was completed"):
        judged(run, lambda parts, judge: None)


def test_the_report_can_be_saved_and_read(run: Path, tmp_path: Path) -> None:
    report = judged(run, lambda parts, judge: parts.loop(batch=judge.batch, decay=0.8))
    report.save(tmp_path / "parity.json")
    again = parity.Report.load(tmp_path / "parity.json")
    assert again.first_divergence == report.first_divergence
    assert str(again) == str(report)


def test_require_agreement_raises_the_text_of_the_report(run: Path) -> None:
    parts = Parts()
    with parity.replaying_steps(run, parts.model, parts.optimizer, average=parts.average) as judge:
        parts.loop(batch=judge.batch, decay=0.8)
    with pytest.raises(AssertionError, match="average of weight"):
        judge.require_agreement()


def other_model(_: Parts) -> tuple[Any, Any]:
    model = nn.Linear(5, 3)
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


def two_models(parts: Parts) -> tuple[Any, Any]:
    return {"a": parts.model, "b": parts.average}, parts.optimizer


def foreign_optimizer(parts: Parts) -> tuple[Any, Any]:
    return parts.model, torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (other_model, "without a partner"),
        (two_models, "models '' were recorded"),
        (foreign_optimizer, "that no model has"),
        (lambda parts: (parts.model, 3), "no optimizer of PyTorch"),
        (lambda parts: (None, parts.optimizer), "a model and an optimizer are needed"),
    ],
)
def test_parts_that_do_not_fit_are_refused_in_one_line(run: Path, make: Any, message: str) -> None:
    with (
        pytest.raises(parity.CannotCompare, match=message) as caught,
        parity.replaying_steps(run, *make(Parts())),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_an_unknown_divergence_cannot_be_accepted(run: Path) -> None:
    with pytest.raises(parity.CannotCompare, match="accept: 'mine' is none of"):
        judged(run, lambda parts, judge: None, accept={"mine": "so"})


def test_an_entry_of_the_project_that_has_expired_is_noted(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.parity.accept]\n"jittor.adam.eps" = { reason = "so", until = 2020-01-01 }\n'
    )
    monkeypatch.chdir(tmp_path)
    report = judged(run, lambda parts, judge: parts.loop(batch=judge.batch))
    assert any("until 2020-01-01, which has passed" in note for note in report.notes)
