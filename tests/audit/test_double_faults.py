"""Two faults at once are caught at the first; one fault on both sides is no difference."""

from __future__ import annotations

import pytest

from audit import mutants as _mutants  # noqa: F401
from audit.case import Mutant, Rewrite
from audit.double_faults import DOUBLES, TWINS, doubles, named, twins
from audit.evaluate import record

CASES = list(doubles())


def test_there_are_enough_of_either_kind() -> None:
    sides = [(named(base, a).side, named(base, b).side) for base, a, b in DOUBLES]
    across = sum(a != b for a, b in sides)
    assert across >= 20
    assert len(DOUBLES) - across >= 5
    assert len(TWINS) == 8
    for base, name in TWINS:
        torch, jittor = named(base, name), named(base, f"{name} in jittor")
        assert (torch.side, jittor.side) == ("torch", "jittor")
        assert torch.edit is jittor.edit  # one definition


@pytest.mark.parametrize("double", CASES[::6], ids=lambda m: m.name)
def test_the_first_of_two_faults_is_named(double: Mutant) -> None:
    assert record(double)["rank"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("double", CASES, ids=lambda m: m.name)
def test_the_first_of_any_two_faults_is_named(double: Mutant) -> None:
    assert record(double)["rank"] == 1


@pytest.mark.parametrize("twin", list(twins())[::3], ids=lambda m: m.name)
def test_one_fault_on_both_sides_is_no_difference(twin: Rewrite) -> None:
    assert record(twin)["passed"]


@pytest.mark.slow
@pytest.mark.parametrize("twin", list(twins()), ids=lambda m: m.name)
def test_any_fault_on_both_sides_is_no_difference(twin: Rewrite) -> None:
    assert record(twin)["passed"]
