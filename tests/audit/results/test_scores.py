"""Scores against counts and closed forms made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from audit.results.scores import (
    cannot_fail,
    caught_by_class,
    clopper_pearson,
    false_positives,
    localisation,
    missed,
    rows,
    verdicts,
)


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
    assert caught_by_class(records) == {"data": [0, 1], "ema": [2, 2]}
    expected = {"mutants": 3, "caught": 2, "top 1": 1, "top 3": 2}
    assert localisation(records) == {"forward": expected}
    assert missed(records) == [records[2]]
    assert verdicts(records)["mutant"]["SEMANTIC_DIFFERENCE"] == 2
    assert rows(records)[0]["value"] == "2 of 3"


def test_correct_cases_that_fail_are_false_positives() -> None:
    records = [{"set": name, "passed": name != "twin"} for name in ("rewrite", "twin", "draw")]
    assert false_positives(records) == [{"set": "twin", "passed": False}]


def test_checks_that_pass_when_corrupted_cannot_fail() -> None:
    records: list[dict[str, Any]] = [
        {"set": "corruption", "name": "a", "passed": False, "seconds": 0.0, "verdict": "ERROR"},
        {"set": "corruption", "name": "b", "passed": True, "seconds": 0.0, "verdict": "IDENTICAL"},
        {
            "set": "exhaustive", "name": "c", "passed": True, "missed": ["x: zeroed"], "tried": 4,
            "explained": {"key": 2}, "seconds": 0.0, "verdict": "",
        },
    ]  # fmt: skip
    assert cannot_fail(records) == ["b", "c: x: zeroed"]
    values = {row["what"]: row["value"] for row in rows(records)}
    assert values["corrupted candidates that a check let pass"] == "1 of 2"
    assert values["tensors corrupted one by one and missed (and explained)"] == "1 of 4 (2)"
