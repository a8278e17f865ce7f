"""Two curves, their common steps, their distance, and the five verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from parity.curves.comparing import compare_curves
from parity.curves.curve import Curve
from parity.errors import CannotCompare
from tests.parity.curves.runs import STEPS, curve, losses


def spread_curves(count: int) -> list[Curve]:
    return [curve(f"run {seed}", losses(seed, noise=1e-4)) for seed in range(1, count + 1)]


def test_equal_digits_are_identical() -> None:
    values = np.round(losses(0), 4)
    found = compare_curves(curve("A", values, 5e-5), curve("B", values, 5e-5))
    assert found.verdict == "identical"
    assert (found.distance.agreeing, found.distance.differs_from) == (STEPS, None)
    finer = curve("B", values + 4e-5, 5e-9)
    assert compare_curves(curve("A", values, 5e-5), finer).verdict == "identical"


@pytest.mark.parametrize("at", [0, 7, STEPS - 1])
def test_one_other_digit_is_no_verdict_and_named(at: int) -> None:
    values = np.round(losses(0), 4)
    other = values.copy()
    other[at] += 1e-4
    found = compare_curves(curve("A", values, 5e-5), curve("B", other, 5e-5))
    assert found.verdict == "no verdict"
    assert found.distance.differs_from == found.distance.largest_at == at
    assert found.distance.agreeing == STEPS - 1
    relative = 1e-4 / max(other[at], values[at])
    assert found.distance.largest == pytest.approx(relative)
    assert found.distance.mean == pytest.approx(relative / STEPS)


def test_the_verdict_follows_the_spread() -> None:
    a, further = curve("A", losses(0, noise=1e-4)), spread_curves(8)
    verdicts = {}
    for factor in (1.0, 1.0002, 1.1):
        b = curve("B", losses(80, noise=1e-4) * factor)
        verdicts[factor] = compare_curves(a, b, further).verdict
    assert verdicts == {
        1.0: "within the spread",
        1.0002: "cannot be told",
        1.1: "outside the spread",
    }
    b = curve("B", losses(80, noise=1e-4) * 1.1)
    assert compare_curves(a, b, further[:2]).verdict == "outside the spread"
    b = curve("B", losses(80, noise=1e-4) * 1.0005)
    assert compare_curves(a, b, further[:2]).verdict == "cannot be told"


def test_runs_of_b_are_kept_apart() -> None:
    a, further = curve("A", losses(0, noise=1e-4)), spread_curves(6)
    b = curve("B", losses(80, noise=1e-4))
    found = compare_curves(a, b, further[:3], further[3:])
    assert found.count == 4
    np.testing.assert_array_equal(found.runs[4], b.values)
    assert found.verdict in ("within the spread", "cannot be told")


def test_identical_curves_need_no_spread() -> None:
    a = curve("A", losses(0))
    found = compare_curves(a, a, spread_curves(2))
    assert found.verdict == "identical"
    assert found.spread is not None


def test_common_steps_are_compared_and_missing_ones_named() -> None:
    a, b = curve("A", losses(0)), curve("B", losses(0)[5:], first=5)
    found = compare_curves(a, b)
    assert found.verdict == "identical"
    assert found.steps.tolist() == list(range(5, STEPS))
    assert found.notes == (
        "B lacks steps 0, 1, 2 and 2 more, up to 4: only common steps are compared",
    )
    one = compare_curves(a, curve("B", losses(0)[1:], first=1))
    assert one.notes == ("B lacks step 0: only common steps are compared",)


def test_what_cannot_be_compared_is_one_line() -> None:
    a = curve("A", losses(0))
    with pytest.raises(CannotCompare, match="no common step: A has 0 … 119, B has 500 … 619"):
        compare_curves(a, curve("B", losses(0), first=500))
    with pytest.raises(CannotCompare, match="one further run shows no spread: name two"):
        compare_curves(a, curve("B", losses(1)), spread_curves(1))


def test_losses_of_zero_have_a_relative_difference() -> None:
    found = compare_curves(curve("A", np.zeros(3)), curve("B", np.array([0.0, 1.0, 0.0])))
    assert (found.distance.largest, found.distance.differs_from) == (1.0, 1)
    assert compare_curves(curve("A", np.zeros(3)), curve("B", np.zeros(3))).verdict == "identical"


def test_the_numbers_are_values_of_json() -> None:
    a, b = curve("A", losses(0, noise=1e-4), first=10), curve("B", losses(7) * 2, first=10)
    further = [curve(f"run {seed}", losses(seed, noise=1e-4), first=10) for seed in (1, 2, 3)]
    data = compare_curves(a, b, further).data()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["first_step"], data["last_step"], data["runs_of_a"]) == (10, 129, 4)
    assert data["spread"]["outside_from"] == 10
    assert "spread" not in compare_curves(a, b).data()
