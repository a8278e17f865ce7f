"""The planted faults and rewrites are what they say; a sample of them is judged."""

from __future__ import annotations

import collections

import pytest

from audit import mutants as _mutants  # noqa: F401
from audit import rewrites as _rewrites  # noqa: F401
from audit.case import MUTANTS, REWRITES, Mutant, Rewrite
from audit.correct_pairs import PairBase
from audit.evaluate import is_right, record


def sample(cases: list, each: int) -> list:  # type: ignore[type-arg]
    own = [c for c in cases if c.side == "torch" and isinstance(c.base, PairBase)]
    return own[::each]


def test_there_are_enough_on_either_side() -> None:
    sides = collections.Counter(mutant.side for mutant in MUTANTS)
    assert min(sides["torch"], sides["jittor"]) >= 60
    assert len(REWRITES) >= 50
    assert len({m.kind for m in MUTANTS}) == 17


@pytest.mark.parametrize("cases", [MUTANTS, REWRITES], ids=["mutants", "rewrites"])
def test_every_case_has_a_name_of_its_own_and_says_what_it_does(cases: list) -> None:  # type: ignore[type-arg]
    keys = [(case.kind, case.side, case.name) for case in cases]
    assert len(set(keys)) == len(keys)
    assert all(case.text for case in cases)


def test_the_stated_module_exists_in_the_reference() -> None:
    for mutant in MUTANTS:
        if isinstance(mutant.base, PairBase):
            paths = dict(mutant.base.pair.reference().named_modules())
            assert set(mutant.paths) <= set(paths), mutant.name


@pytest.mark.parametrize("mutant", sample(MUTANTS, 3), ids=lambda m: m.name)
def test_a_planted_fault_is_caught_where_it_is(mutant: Mutant) -> None:
    found = record(mutant)
    assert found["caught"], found
    assert found["rank"] == 1, found


@pytest.mark.parametrize("rewrite", sample(REWRITES, 5), ids=lambda r: r.name)
def test_a_benign_rewrite_passes(rewrite: Rewrite) -> None:
    found = record(rewrite)
    assert found["passed"], found
    assert found["verdict"] != "IDENTICAL" or rewrite.kind in ("layout", "training")


@pytest.mark.slow
@pytest.mark.parametrize("case", MUTANTS + REWRITES, ids=lambda c: f"{c.side} {c.name}")
def test_every_case_is_judged_as_it_should_be(case: Mutant | Rewrite) -> None:
    assert record(case)["passed"] is isinstance(case, Rewrite)


def test_a_place_is_right_only_in_its_module_and_phase() -> None:
    mutant = next(m for m in MUTANTS if m.paths == ("norm1",))
    assert is_right(mutant, "norm1", "forward", "output")
    assert not is_right(mutant, "norm2", "forward", "output")
    assert not is_right(mutant, "norm1", "backward", "gradient of input x")
