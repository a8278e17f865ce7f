"""Checks fail on spoiled candidates, and one that cannot fail is reported."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
import pytest
import torch
from torch import nn

import audit.exhaustive
import parity.compare.modules
from audit.correct_pairs import COSINE, SAMPLING, TRAINING, PairBase, TrajectoryBase
from audit.corrupted_candidates import table
from audit.corruptions import SPOILINGS
from audit.vacuity import (
    EXPLAINED,
    Check,
    applies,
    checks,
    explained,
    idle,
    jobs,
    of_course,
    of_pair,
    places_record,
)
from audit.vacuity import record as vacuity_record
from ddpm_study.pairs import large_pairs, pairs, trajectories
from parity import Pair, Verdict
from parity.test_schedule import TABLES
from parity.trace.sites import TensorSite
from parity.verdict import Judgement

# Every kind of thing that is compared, at the smallest sizes.
SMALL = [
    of_pair(next(pair for pair in pairs() if pair.name == "time embedding")),
    Check(COSINE, {name: table(name) for name in TABLES}),
    *of_course(replace(TRAINING.trajectory, free=1)),
    *of_course(replace(SAMPLING.trajectory, free=1)),
]
# A step is dear: two ways to spoil it here, all of them behind `slow`.
AT_STEPS = ("one element wrong", "1 % off")


def cases(found: Iterable[Check], steps: Collection[str] = SPOILINGS) -> list[Any]:
    return [
        pytest.param(check, quantity, spoiling, id=f"{check.base.name}: {quantity}, {spoiling}")
        for check in found
        for quantity in check.plants
        for spoiling in (steps if isinstance(check.base, TrajectoryBase) else SPOILINGS)
        if applies(quantity, spoiling)
    ]


@pytest.mark.parametrize(("check", "quantity", "spoiling"), cases(SMALL, AT_STEPS))
def test_a_check_fails_on_a_spoiled_candidate(check: Check, quantity: str, spoiling: str) -> None:
    found = vacuity_record(check, quantity, spoiling)
    assert not found["passed"]
    assert found["verdict"] in ("SEMANTIC_DIFFERENCE", "ERROR")


@pytest.mark.slow
@pytest.mark.parametrize(("check", "quantity", "spoiling"), cases(checks()))
def test_every_check_fails_on_a_spoiled_candidate(
    check: Check, quantity: str, spoiling: str
) -> None:
    assert not vacuity_record(check, quantity, spoiling)["passed"]


def test_everything_that_is_checked_is_spoiled() -> None:
    spoiled = {check.base.name for check in checks()}
    own = {subject.name for subject in [*pairs(), *trajectories()]}
    assert own < spoiled
    assert not {pair.name for pair in large_pairs()} & spoiled
    assert sum(name.startswith("schedule, ") for name in spoiled) == 4
    source = Path(__file__).parents[2] / "parity" / "test_schedule.py"
    for name in ("linear", "cosine", "fixed_small", "fixed_large"):
        assert f'"{name}"' in source.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["time embedding", "attention"])
def test_every_single_place_is_looked_at(name: str) -> None:
    (pair,) = [pair for pair in pairs() if pair.name == name]
    found = places_record(name, PairBase(pair).judged)
    assert found["blind"] == []
    assert found["tried"] > 90
    assert bool(found["explained"]) is (name == "attention")
    assert len(found["still"]) == 1


class Torch(nn.Module):
    """A layer whose result goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> None:
        self.linear(x)


class Jittor(jt.nn.Module):
    """The same in Jittor."""

    def __init__(self) -> None:
        self.linear = jt.nn.Linear(3, 3)

    def execute(self, x: Any) -> None:
        self.linear(x)


MUTE = Pair(
    name="mute", reference=Torch, candidate=Jittor, stress_inputs=("plain",),
    inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
)  # fmt: skip


def test_a_check_whose_outputs_are_ignored_is_reported() -> None:
    check = of_pair(MUTE)
    assert vacuity_record(check, "output", "zeroed")["passed"]
    assert not vacuity_record(check, "output of a layer", "zeroed")["passed"]


def test_a_place_that_is_not_looked_at_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    own = audit.exhaustive.compare

    def lenient(comparison: Any, *, seed: int) -> dict[TensorSite, Judgement]:
        judged = own(comparison, seed=seed)
        return {
            site: replace(found, verdict=Verdict.WITHIN_NOISE) if site.path == "linear" else found
            for site, found in judged.items()
        }

    monkeypatch.setattr(audit.exhaustive, "compare", lenient)
    found = places_record("mute", PairBase(MUTE).judged)
    assert found["passed"]
    assert "linear, forward: output: zeroed" in found["blind"]
    assert all(site.startswith("linear, ") for site in found["blind"])
    assert parity.compare.modules.compare is own, (
        "what is put in the place of the judge is taken out again"
    )


def test_an_entry_that_explains_nothing_is_reported() -> None:
    whole = explained(TensorSite("backward", "", "gradient of bias of a.key, end to end"))
    moment = explained(TensorSite("optimizer", "a.key", "exp_avg of bias"))
    assert {whole, moment} == set(EXPLAINED)
    assert not explained(TensorSite("backward", "key", "gradient of bias"))
    assert not explained(TensorSite("optimizer", "a.key", "exp_avg of weight"))
    assert not explained(TensorSite("optimizer", "a.monkey", "exp_avg of bias"))
    assert idle([]) == []
    assert idle([{"set": "places", "explained": {whole: 3, moment: 1}}]) == []
    (line,) = idle([{"set": "places", "explained": {whole: 3}}])
    assert line == f"EXPLAINED has {moment!r}, which nothing matches"


def test_each_job_has_a_key_of_its_own() -> None:
    keys = [key for key, _ in jobs()]
    assert len(set(keys)) == len(keys)
    assert sum(key.startswith("places/") for key in keys) == len(pairs()) + len(trajectories())
