"""The rule that tells rounding from a difference, on differences whose cause is known."""

import numpy as np
import pytest

from ddpm_study.agreement import (
    Discrepancy,
    gradient_coverage,
    largest_difference,
    pixel_agreement,
    relative_difference,
)


def _sums(scale: float) -> Discrepancy:
    """Compare a forward and a backward sum of the same numbers, the second scaled."""
    numbers = np.random.default_rng(0).standard_normal(10_000)
    differences = {}
    for dtype in (np.float32, np.float64):
        forward = np.add.accumulate(numbers.astype(dtype))[-1:]
        backward = np.add.accumulate(numbers[::-1].astype(dtype))[-1:] * dtype(scale)
        differences[dtype.__name__] = relative_difference(forward, backward)
    return Discrepancy("sum", **differences)


def test_another_summation_order_is_rounding():
    assert _sums(1.0).is_rounding


@pytest.mark.parametrize("fault", [1e-6, 1e-8, 1e-9])
def test_another_function_is_not_rounding_however_near(fault):
    assert not _sums(1 + fault).is_rounding


def test_nothing_passes_that_is_not_a_number():
    assert not Discrepancy("x", float32=float("nan"), float64=float("nan")).is_rounding
    assert np.isnan(relative_difference(np.array([1.0]), np.array([np.nan])))
    assert np.isnan(largest_difference({"a": np.ones(1)}, {"a": np.full(1, np.nan)}, ["a"]))


def test_equal_runs_agree():
    assert Discrepancy("x", float32=0.0, float64=0.0).is_rounding


def test_shapes_and_names_must_match():
    with pytest.raises(ValueError, match="shapes differ"):
        relative_difference(np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match="names differ: \\['b'\\]"):
        largest_difference({"a": np.ones(1)}, {"a": np.ones(1), "b": np.ones(1)}, ["a"])


def test_parameters_are_sorted_by_their_gradients():
    moments = {
        "key.weight": np.array([1e-4, 1e-30]),
        "key.bias": np.array([1e-36]),
        "conv.weight": np.zeros(2),
    }
    coverage = gradient_coverage([moments, moments])
    assert coverage.compared == ["key.weight"]
    assert coverage.zero_gradient == ["key.bias"]
    assert coverage.no_gradient == ["conv.weight"]
    assert not coverage.is_complete
    del moments["conv.weight"]
    assert gradient_coverage([moments, moments]).is_complete


def test_of_no_arrays_there_is_no_difference_to_speak_of():
    assert np.isnan(largest_difference({"a": np.ones(1)}, {"a": np.ones(1)}, []))


def test_pixels_are_counted():
    a = np.array([0, 1, 255, 7], np.uint8)
    b = np.array([0, 2, 250, 7], np.uint8)
    assert pixel_agreement(a, b).equal == 0.5
    assert pixel_agreement(a, b).within_one == 0.75
    assert pixel_agreement(a, b).largest == 5
