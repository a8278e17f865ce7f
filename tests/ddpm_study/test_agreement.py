"""The rule that tells rounding from a difference, on gaps whose cause is known."""

import numpy as np
import pytest

from ddpm_study.agreement import (
    Discrepancy,
    largest_gap,
    parameters_with_gradient,
    pixel_agreement,
    relative_gap,
)


def _sums(scale: float) -> Discrepancy:
    """Compare a forward and a backward sum of the same numbers, the second scaled."""
    numbers = np.random.default_rng(0).standard_normal(10_000)
    gaps = {}
    for dtype in (np.float32, np.float64):
        forward = np.add.accumulate(numbers.astype(dtype))[-1:]
        backward = np.add.accumulate(numbers[::-1].astype(dtype))[-1:] * dtype(scale)
        gaps[dtype.__name__] = relative_gap(forward, backward)
    return Discrepancy("sum", **gaps)


def test_another_summation_order_is_rounding():
    assert _sums(1.0).is_rounding


@pytest.mark.parametrize("fault", [1e-6, 1e-8, 1e-9])
def test_another_function_is_not_rounding_however_near(fault):
    assert not _sums(1 + fault).is_rounding


def test_nothing_passes_that_is_not_a_number():
    assert not Discrepancy("x", float32=float("nan"), float64=float("nan")).is_rounding
    assert np.isnan(relative_gap(np.array([1.0]), np.array([np.nan])))
    assert np.isnan(largest_gap({"a": np.ones(1)}, {"a": np.full(1, np.nan)}, ["a"]))


def test_equal_runs_agree():
    assert Discrepancy("x", float32=0.0, float64=0.0).is_rounding


def test_shapes_and_names_must_match():
    with pytest.raises(ValueError, match="shapes differ"):
        relative_gap(np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match="names differ: \\['b'\\]"):
        largest_gap({"a": np.ones(1)}, {"a": np.ones(1), "b": np.ones(1)}, ["a"])


def test_a_parameter_without_a_gradient_is_not_steered():
    moments = {"weight": np.array([1e-4, 1e-30]), "key.bias": np.array([1e-36])}
    assert parameters_with_gradient(moments) == ["weight"]


def test_pixels_are_counted():
    a = np.array([0, 1, 255, 7], np.uint8)
    b = np.array([0, 2, 250, 7], np.uint8)
    assert pixel_agreement(a, b).equal == 0.5
    assert pixel_agreement(a, b).within_one == 0.75
    assert pixel_agreement(a, b).largest == 5
