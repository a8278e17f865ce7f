"""Draws are evaluated, and those that go wrong are reported with their number."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit.__main__ import main
from audit.draws import evaluate
from audit.draws.configuration import COUNT, Configuration, configuration
from audit.draws.faults import fault
from audit.draws.models import subjects


def with_a_fault_of_the_schedule() -> Configuration:
    """Return a draw whose fault costs no network."""
    draws = map(configuration, range(COUNT))
    return next(c for c in draws if fault(c).subject == "schedule")


def test_a_correct_pair_that_fails_is_reported_with_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Now any rounding of a schedule is called another function.
    monkeypatch.setattr("parity.verdict.EXACT_ULPS", 0.0)
    drawn = with_a_fault_of_the_schedule()
    record = evaluate.record_correct(drawn, {"schedule": subjects(drawn)["schedule"]})
    assert not record["passed"]
    assert record["failed_subject"] == "schedule"
    text = printed(monkeypatch, tmp_path, record)
    assert "false positives, random correct pairs | 1 of 1 (95 %: 2.5% to 100.0%)" in text
    assert f"False positive: number {drawn.number}, SEMANTIC_DIFFERENCE of its schedule" in text
    assert f"again with python -m audit.draws {drawn.number}\n" in text
    assert json.dumps(drawn.values()["run"]["unet"]) in text


def test_a_fault_that_is_missed_is_reported_with_its_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn = with_a_fault_of_the_schedule()
    injected = fault(drawn)
    harmless = replace(injected.mutant, name="nothing", edit=lambda schedule: None)
    record = evaluate.record_mutant(drawn, replace(injected, mutant=harmless))
    assert record["caught"] is False
    text = printed(monkeypatch, tmp_path, record)
    assert "mutants drawn for random pairs, caught (1 structures) | 0 of 1 | all" in text
    assert f"Missed: schedule, nothing, in number {drawn.number}" in text
    assert f"again with python -m audit.draws {drawn.number} --mutant\n" in text


def printed(monkeypatch: pytest.MonkeyPatch, folder: Path, record: dict[str, Any]) -> str:
    """Return what the command prints of one record, which must make it fail."""
    monkeypatch.setattr(evaluate, "jobs", lambda quick: iter([("one", lambda: dict(record))]))
    out = folder / "audit.json"
    result = CliRunner().invoke(main, ["--only", "drawn", "--out", str(out)])
    assert result.exit_code == 1, result.output
    audit = json.loads(out.read_text())
    assert len(audit["false_positives"]) + len(audit["missed"]) == 1
    assert audit["drawn"]["configurations"] + audit["drawn"]["mutants"] == 1
    return result.output


@pytest.mark.parametrize("number", [113, 128, 156])
def test_a_correct_schedule_whose_last_beta_is_close_to_1_passes(number: int) -> None:
    report = subjects(configuration(number))["schedule"].check()
    assert report.passed, str(report)


@pytest.mark.parametrize("number", range(evaluate.QUICK_COUNT))
def test_a_correct_pair_passes_and_with_a_fault_it_fails(number: int) -> None:
    correct, mutated = evaluate.correct(number), evaluate.mutated(number)
    assert correct["passed"], correct
    assert mutated["caught"], mutated


@pytest.mark.slow
@pytest.mark.parametrize("number", range(evaluate.QUICK_COUNT, COUNT))
def test_every_correct_pair_passes_and_with_a_fault_it_fails(number: int) -> None:
    correct, mutated = evaluate.correct(number), evaluate.mutated(number)
    assert correct["passed"], correct
    assert mutated["caught"], mutated
