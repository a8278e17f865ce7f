"""Changes to memory management end with the comparison."""

from __future__ import annotations

import gc
from types import ModuleType

import pytest

from parity import check
from parity.base.memory import give_back, older_objects_left_alone


def test_objects_are_frozen_meanwhile_and_thawed_after_an_error() -> None:
    frozen = []

    def fail() -> None:
        with older_objects_left_alone():
            frozen.append(gc.get_freeze_count())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert frozen[0] > 0
    assert gc.get_freeze_count() == 0


def test_what_a_user_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        # Not the same number: what nobody holds any more leaves, frozen or not.
        assert gc.get_freeze_count() > 1000
        with older_objects_left_alone():
            pass
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_a_comparison_leaves_the_collector_as_it_was(models: ModuleType) -> None:
    check(models.block_pair())
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()


def test_giving_back_is_harmless() -> None:
    give_back()
