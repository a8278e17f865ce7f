"""The bases that mutants and rewrites edit are correct themselves."""

from __future__ import annotations

from typing import Any

import pytest

from audit import correct_pairs
from audit.case import Base
from audit.correct_pairs import COSINE, LINEAR, TIME, PairBase, two_copies
from audit.layer_zoo import LAYERS

BASES = [base for base in vars(correct_pairs).values() if isinstance(getattr(base, "name", 0), str)]
NETWORKS = [base for base in BASES if isinstance(base, correct_pairs.TrajectoryBase | PairBase)]


@pytest.mark.parametrize("base", [TIME, LAYERS, LINEAR, COSINE], ids=lambda base: base.name)
def test_a_base_passes(base: Base) -> None:
    report = base.check()
    assert report.passed, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("base", NETWORKS, ids=lambda base: base.name)
def test_every_base_passes(base: Base) -> None:
    report = base.check()
    assert report.passed, str(report)


def test_an_edit_is_made_on_its_own_side_alone() -> None:
    def edit(module: Any) -> None:
        module.channels = 0

    torch, jittor = TIME.edited("torch", edit), TIME.edited("jittor", edit)
    assert (torch.reference().channels, jittor.reference().channels) == (0, 8)
    assert torch.candidate is TIME.pair.candidate
    assert TIME.edited() is TIME.pair


def test_of_two_copies_the_second_is_edited() -> None:
    copies = two_copies(TIME)
    edited = copies.edited("torch", lambda module: setattr(module, "channels", 0))
    assert edited.reference is copies.pair.reference
    assert edited.candidate().channels == 0


def test_an_edit_may_return_a_replacement() -> None:
    assert TIME.edited("torch", lambda module: module.linear1).reference().in_features == 8
