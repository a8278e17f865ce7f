"""Scores against counts and closed forms made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit.__main__ import main
from audit.run import jobs, run
from audit.scores import clopper_pearson, confusion, kills, localisation, rows, survivors
from ddpm.errors import InputError


def mutant(kind: str = "ema", *, caught: bool = True, rank: int = 1) -> dict[str, Any]:
    return {
        "set": "mutant", "kind": kind, "name": "x", "text": "y", "side": "torch", "caught": caught,
        "rank": rank, "phase": "forward", "seconds": 1.0, "passed": not caught,
        "verdict": "SEMANTIC_DIFFERENCE" if caught else "IDENTICAL",
    }  # fmt: skip


@pytest.mark.parametrize("trials", [1, 50, 200])
def test_the_interval_of_no_hit_has_its_closed_form(trials: int) -> None:
    low, high = clopper_pearson(0, trials)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / trials), rel=1e-12)
    assert clopper_pearson(trials, trials) == pytest.approx((0.025 ** (1 / trials), 1))


def test_the_interval_refuses_more_hits_than_trials() -> None:
    with pytest.raises(ValueError, match="3 hits of 2 trials"):
        clopper_pearson(3, 2)


def test_faults_are_counted_by_class_and_phase() -> None:
    records = [mutant(), mutant(rank=3), mutant("data", caught=False, rank=0)]
    assert kills(records) == {"data": [0, 1], "ema": [2, 2]}
    expected = {"mutants": 3, "caught": 2, "top 1": 1, "top 3": 2}
    assert localisation(records) == {"forward": expected}
    assert survivors(records) == [records[2]]
    assert confusion(records)["mutant"]["SEMANTIC_DIFFERENCE"] == 2
    assert rows(records)[0]["value"] == "2 of 3"


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    journal, calls = tmp_path / "a.jsonl", []

    def job(name: str) -> Any:
        return name, lambda: calls.append(name) or {"name": name}

    run([job("a")], journal)
    journal.write_text(journal.read_text() + '{"key": "b", "na')
    assert run([job("a"), job("b")], journal) == [{"name": "a"}, {"name": "b"}]
    assert calls == ["a", "b"]
    run([job("a")], journal, fresh=True)
    assert calls == ["a", "b", "a"]


def test_an_unknown_part_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--only nothing: there is no such part; choose from"):
        list(jobs(["nothing"], quick=False))
    shown = CliRunner().invoke(main, ["--only", "nothing", "--out", str(tmp_path / "a.json")])
    assert shown.exit_code == 2
    assert not (tmp_path / "a.json").exists()


def test_the_command_writes_scores_and_says_them(tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    shown = CliRunner().invoke(main, ["--only", "interpolation", "--quick", "--out", str(out)])
    audit = json.loads(out.read_text())
    assert audit["schema"] == "ddpm-audit/1"
    assert shown.exit_code == 0, shown.output
    assert audit["rows"][0]["value"] in shown.output
    assert {row["what"] for row in audit["rows"]} >= {"time"} or audit["records"] == []
