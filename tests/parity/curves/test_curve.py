"""Rows become a curve, or one line says why not; printed digits have a resolution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from parity.curves.curve import Row, curve_of, printed_resolution
from parity.errors import CannotCompare


def rows(*points: tuple[int, float]) -> list[Row]:
    return [Row(step, value, f"line {line}") for line, (step, value) in enumerate(points, 1)]


def test_rows_are_sorted_by_step_with_their_resolution() -> None:
    curve = curve_of("A", rows((5, 0.5), (2, 0.25)), np.array([1e-1, 1e-2]), ["a note"])
    assert curve.steps.tolist() == [2, 5]
    assert curve.values.tolist() == [0.25, 0.5]
    assert curve.resolution.tolist() == [1e-2, 1e-1]
    assert curve.notes == ("a note",)


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([], "the curve of A has no values"),
        ([(1, 0.5), (3, 0.4), (1, 0.3)], "has step 1 twice, at line 1 and line 3: keep one"),
        ([(1, 0.5), (2, math.nan), (3, math.nan)], "the curve of A is nan from step 2 on: "),
        ([(1, 0.5), (2, -math.inf), (3, math.nan)], "the curve of A is inf from step 2 on: "),
        ([(1, 0.5), (2, math.nan), (3, 0.1)], "the curve of A is nan at step 2: "),
    ],
)
def test_a_curve_that_cannot_be_compared_is_one_line(
    points: list[tuple[int, float]], line: str
) -> None:
    with pytest.raises(CannotCompare) as raised:
        curve_of("A", rows(*points), np.zeros(len(points)))
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("texts", "halves"),
    [
        (["0.1234", "12.3000"], [5e-5, 5e-5]),  # %.4f
        (["3", "12"], [0.5, 0.5]),
        (["1.234e-03", "5.600e+01"], [5e-7, 5e-3]),  # %.3e
        (["0.1234", "0.5", "12.34"], [5e-5, 5e-5, 5e-3]),  # %.4g leaves zeros out
        (["1.0", "0.9504912782239617"], [5e-16, 5e-17]),  # repr
        (["0.00", "0.25"], [5e-3, 5e-3]),
        (["-0.50", "+.25"], [5e-3, 5e-3]),
        (["0.12", "nan"], [5e-3, math.nan]),
        (["inf"], [math.nan]),
    ],
)
def test_the_resolution_is_half_a_unit_of_the_last_digit(
    texts: list[str], halves: list[float]
) -> None:
    np.testing.assert_allclose(printed_resolution(texts), halves, rtol=1e-12)
