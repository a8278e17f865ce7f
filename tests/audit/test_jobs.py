"""The parts of an audit can be asked for by name, and each job has a key of its own."""

from __future__ import annotations

import collections

import pytest

from audit.jobs import jobs
from audit.sets import FORMER_NAMES, SETS
from ddpm.errors import InputError


def test_each_job_has_a_key_of_its_own() -> None:
    keys = [key for key, _ in jobs([], quick=False)]
    assert len(set(keys)) == len(keys)
    counts = collections.Counter(key.split("/")[0] for key in keys)
    assert counts["mutant"] == 164
    assert counts["rewrite"] == 72
    assert counts["draw"] == counts["drawn mutant"] == 208


def test_every_set_is_part_of_an_audit_and_can_be_asked_for() -> None:
    everything = [key for key, _ in jobs([], quick=False)]
    parts = [key for name in SETS for key, _ in jobs([name], quick=False)]
    assert sorted(parts) == sorted(everything)
    kinds = {key.split("/")[1] for key, _ in jobs(["ema"], quick=False)}
    assert kinds == {"ema"}


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_the_sets_are_also_known_by_their_former_names(former: str) -> None:
    now = [key for key, _ in jobs([FORMER_NAMES[former]], quick=False)]
    assert [key for key, _ in jobs([former], quick=False)] == now != []


def test_the_quick_part_has_every_eighth_case_and_four_draws() -> None:
    counts = collections.Counter(key.split("/")[0] for key, _ in jobs([], quick=True))
    assert counts == {"mutant": 21, "rewrite": 9, "draw": 4, "drawn mutant": 4}


def test_an_unknown_part_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="--only 'nothing': there is no such part; choose from"):
        list(jobs(["nothing"], quick=False))
