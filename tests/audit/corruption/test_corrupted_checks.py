"""Checks fail on corrupted candidates, and one that cannot fail is reported."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest

from audit.correct_pairs import COSINE, SAMPLING, TRAINING, TrajectoryBase
from audit.corruption import exhaustive
from audit.corruption.corrupted_candidates import table
from audit.corruption.corrupted_checks import (
    EXPLAINED,
    Check,
    applies,
    checks,
    exhaustive_record,
    explained,
    jobs,
    of_pair,
    of_trajectory,
    record,
    unused_explanations,
)
from audit.corruption.corruptions import CORRUPTIONS
from ddpm_study.exact_schedule import TABLES
from ddpm_study.pairs import large_pairs, pairs, tables, trajectories
from parity.trace.sites import TensorSite

# Every kind of quantity that is compared, at the smallest sizes.
SMALL = [
    of_pair(next(pair for pair in pairs() if pair.name == "time embedding")),
    Check(COSINE, {name: table(name) for name in TABLES}),
    *of_trajectory(replace(TRAINING.trajectory, free=1)),
    *of_trajectory(replace(SAMPLING.trajectory, free=1)),
]
# A step costs seconds: two corruptions here, all of them behind `slow`.
AT_STEPS = ("one element wrong", "1 % off")


def cases(checks: Iterable[Check], steps: Collection[str] = CORRUPTIONS) -> list[Any]:
    return [
        pytest.param(check, quantity, corruption, id=f"{check.base.name}: {quantity}, {corruption}")
        for check in checks
        for quantity in check.injections
        for corruption in (steps if isinstance(check.base, TrajectoryBase) else CORRUPTIONS)
        if applies(quantity, corruption)
    ]


@pytest.mark.parametrize(("check", "quantity", "corruption"), cases(SMALL, AT_STEPS))
def test_a_check_fails_on_a_corrupted_candidate(
    check: Check, quantity: str, corruption: str
) -> None:
    result = record(check, quantity, corruption)
    assert not result["passed"]
    assert result["verdict"] in ("SEMANTIC_DIFFERENCE", "ERROR")


@pytest.mark.slow
@pytest.mark.parametrize(("check", "quantity", "corruption"), cases(checks()))
def test_every_check_fails_on_a_corrupted_candidate(
    check: Check, quantity: str, corruption: str
) -> None:
    assert not record(check, quantity, corruption)["passed"]


def test_everything_that_is_checked_is_corrupted() -> None:
    corrupted = {check.base.name for check in checks()}
    subjects = {subject.name for subject in [*pairs(), *trajectories(), *tables()]}
    assert subjects < corrupted
    assert not {pair.name for pair in large_pairs()} & corrupted


@pytest.mark.parametrize("name", ["time embedding", "attention"])
def test_every_single_tensor_is_looked_at(name: str) -> None:
    (pair,) = [pair for pair in pairs() if pair.name == name]
    result = exhaustive_record(name, exhaustive.of_pair(pair))
    assert result["missed"] == []
    assert result["tried"] > 90
    assert bool(result["explained"]) is (name == "attention")
    assert len(result["unchanged"]) == 1


def test_an_explanation_that_explains_nothing_is_reported() -> None:
    gradient = TensorSite("backward", "", "parameter_gradient", "bias", "a.key", scope="end_to_end")
    state = TensorSite("optimizer", "a.key", "state", "bias", "a.key", group="ema", scope="step")
    end_to_end, moment = explained(gradient), explained(state)
    assert {end_to_end, moment} == set(EXPLAINED)
    assert not explained(gradient._replace(scope="isolated", path="a.key"))
    assert not explained(state._replace(label="weight"))
    assert not explained(state._replace(path="a.monkey", owner="a.monkey"))
    assert unused_explanations([]) == []
    used = {"set": "exhaustive", "explained": {end_to_end: 3}}
    assert unused_explanations([used]) == [moment]
    assert unused_explanations([{**used, "explained": {end_to_end: 3, moment: 1}}]) == []


def test_each_job_has_a_key_of_its_own() -> None:
    keys = [key for key, _ in jobs()]
    assert len(set(keys)) == len(keys)
    assert sum(key.startswith("exhaustive/") for key in keys) == len(pairs()) + len(trajectories())
