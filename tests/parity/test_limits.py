"""The numbers that decide keep the relations that their comments state."""

from __future__ import annotations

import numpy as np

from parity import limits


def test_the_precisions_are_those_of_the_machine() -> None:
    assert np.finfo(np.float32).eps == limits.FLOAT32_EPSILON
    assert np.finfo(np.float64).eps == limits.FLOAT32_EPSILON * limits.PRECISION_RATIO


def test_a_cast_to_float32_is_never_rounding_of_float64() -> None:
    """Its error is half a float32 ulp, as is the noise of a tensor without any other."""
    noise = limits.FLOAT32_EPSILON / 2
    allowed = limits.K * limits.OTHER_KERNEL * limits.PRECISION_RATIO * noise
    assert allowed < noise / 1000
    assert noise < limits.SATURATED


def test_a_hint_must_come_closer_than_float32_could() -> None:
    assert limits.FLOAT32_EPSILON > 100 * limits.RESEMBLANCE > limits.PRECISION_RATIO
    assert limits.RESEMBLANCE < limits.NEVER_ROUNDING < limits.SATURATED < limits.HORIZON * 10
