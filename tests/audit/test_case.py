"""Mutants and rewrites are registered with a name of their own, for each of their sides."""

from __future__ import annotations

import collections
from typing import Any

import pytest

from audit import mutants as _mutants  # noqa: F401
from audit import rewrites as _rewrites  # noqa: F401
from audit.case import BOTH, MUTANTS, REWRITES, Mutant, mutant, never
from audit.correct_pairs import TIME, PairBase


def test_there_are_enough_on_either_side() -> None:
    sides = collections.Counter(mutant.side for mutant in MUTANTS)
    assert sides == {"torch": 86, "jittor": 78}
    assert len(REWRITES) == 72
    assert len({m.kind for m in MUTANTS}) == 18


@pytest.mark.parametrize("cases", [MUTANTS, REWRITES], ids=["mutants", "rewrites"])
def test_every_case_has_a_name_of_its_own_and_a_description(cases: list[Any]) -> None:
    keys = [(case.kind, case.side, case.name) for case in cases]
    assert len(set(keys)) == len(keys)
    assert all(case.text for case in cases)


def test_the_stated_module_exists_in_the_reference() -> None:
    for case in MUTANTS:
        if isinstance(case.base, PairBase):
            paths = dict(case.base.pair.reference().named_modules())
            assert set(case.paths) <= set(paths), case.name


def test_one_definition_is_one_mutant_for_each_of_its_sides() -> None:
    registered: list[Mutant] = []
    sources: Any = {"torch": "a report", "jittor": "another"}

    @mutant(TIME, BOTH, "linear1", "forward", sources, visible=never, kind="k", into=registered)
    def both_sides(module: Any) -> None:
        """A description.

        Not part of it.
        """

    @mutant(TIME, "jittor", None, "forward", "a report", into=registered)
    def one_side(module: Any) -> None:
        """Another."""

    assert [(m.side, m.name, m.source) for m in registered] == [
        ("torch", "both sides", "a report"),
        ("jittor", "both sides in jittor", "another"),
        ("jittor", "one side", "a report"),
    ]
    assert [m.text for m in registered] == ["A description.", "A description.", "Another."]
    assert [m.kind for m in registered] == ["k", "k", "test_case"]
    assert [m.paths for m in registered] == [("linear1",), ("linear1",), ()]
    drawn: Any = None
    assert [m.visible(drawn) for m in registered] == [False, False, True]
