"""A curve states the share of faults that are caught at each size."""

from __future__ import annotations

import pytest

from audit.sensitivity import CURVES, curve


@pytest.mark.parametrize("name", CURVES)
def test_a_large_fault_is_caught_and_none_is_not(name: str) -> None:
    result = curve(name, sizes=(1e-3, 0.0), seeds=1)
    assert result["points"] == [[1e-3, 1.0], [0.0, 0.0]]
    assert result["smallest"] == 1e-3


def test_sizes_below_one_that_is_never_caught_are_not_tried() -> None:
    name = "relative change of a weight"
    assert curve(name, sizes=(0.0, 1e-3), seeds=1)["points"] == [[0.0, 0.0]]
    assert curve(name, sizes=(0.0,), seeds=1)["smallest"] == 1.0
