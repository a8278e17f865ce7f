from __future__ import annotations

import numpy as np
import pytest
import torch

from parity.base.numerics import (
    LowPrecision,
    distance,
    magnitude,
    rounded,
    rounded_to,
    same_bits,
)


def test_distance_refuses_to_broadcast_and_keeps_nan() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(3, 1\) differ"):
        distance(np.zeros(3), np.zeros((3, 1)))
    assert np.isnan(distance(np.array([np.nan, 1.0]), np.zeros(2)))
    assert distance(np.zeros(0), np.zeros(0)) == 0
    assert magnitude(np.array([-4.0, 2.0])) == 4


def test_rounding_keeps_the_dtype_and_loses_the_digits() -> None:
    x = rounded(np.array([0.1]))
    assert x.dtype == np.float64
    assert x[0] == np.float32(0.1)


def test_rounding_lays_an_array_out_row_by_row() -> None:
    x = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    assert rounded(x).flags.c_contiguous
    np.testing.assert_array_equal(rounded(x), x)


def test_a_rounded_scalar_stays_an_array() -> None:
    result = rounded(np.array(3.0))
    assert isinstance(result, np.ndarray)
    assert result.shape == ()


def test_distances_are_those_of_float64_and_of_complex_numbers() -> None:
    assert distance(np.array([1, 5]), np.array([4, 3])) == 3
    assert distance(np.array([True]), np.array([False])) == 1
    assert distance(np.array([1 + 1j]), np.array([1 - 2j], np.complex64)) == 3
    assert distance(np.array([1.0], np.float32), np.array([1 + 2**-40])) == 2**-40
    assert distance(np.array([np.inf]), np.array([1.0])) == np.inf
    assert magnitude(np.array([3 - 4j])) == 5


@pytest.mark.parametrize("low", ["bfloat16", "float16"])
def test_rounding_to_a_low_precision_is_pytorchs(low: LowPrecision) -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(10_000) * 10.0 ** rng.integers(-6, 4, 10_000)).astype(np.float32)
    x[:6] = 0.0, -0.0, np.inf, -np.inf, np.nan, 1 + 2.0**-9
    expected = torch.from_numpy(x).to(getattr(torch, low)).float().numpy()
    np.testing.assert_array_equal(rounded_to(x, low), expected)
    integers = np.arange(3)
    assert rounded_to(integers, low) is integers
    assert rounded_to(np.float32(1.0).reshape(()), low).shape == ()


def test_same_bits_are_told_from_equal_numbers() -> None:
    nan = np.array([np.nan, 1.0])
    assert same_bits(nan, nan.copy())
    assert same_bits(nan[::-1], np.array([1.0, np.nan]))
    assert not same_bits(np.array([0.0]), np.array([-0.0]))
    assert not same_bits(np.zeros(2), np.zeros(2, np.float32))
    assert not same_bits(np.zeros((2, 1)), np.zeros(2))
