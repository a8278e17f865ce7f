from __future__ import annotations

import numpy as np
import pytest

from parity.base.numerics import Precision, distance, magnitude, rounded
from parity.base.rng import cotangent, draw_cotangent, keyed, perturb_one_ulp
from parity.base.stress_inputs import STRESS_INPUTS


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_shift_is_one_ulp_and_leaves_zeros(precision: Precision) -> None:
    x = np.array([0.0, 1.0, -3.5, 1e-20, 1e20], precision)
    moved = perturb_one_ulp(x, precision, "x", "key")
    assert moved.dtype == x.dtype
    assert moved[0] == 0
    assert np.all(np.abs(moved - x)[1:] <= np.spacing(np.abs(x))[1:])
    assert np.all(moved[1:] != x[1:])


def test_a_shift_goes_both_ways_and_leaves_what_is_not_finite() -> None:
    x = np.full(1000, 3.0, np.float32)
    up = (perturb_one_ulp(x, "float32", "x", 0) > x).mean()
    assert 0.4 < up < 0.6
    odd = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(perturb_one_ulp(odd, "float64", "odd", 0), odd)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_shift_is_to_a_neighbour(precision: Precision) -> None:
    x = np.random.default_rng(0).standard_normal(999).astype(precision)
    x[::7] = -np.abs(x[::7])
    moved = perturb_one_ulp(x, precision, "x", 1)
    up, down = (np.nextafter(x, np.array(to, precision)) for to in (np.inf, -np.inf))
    assert ((moved == up) | (moved == down)).all()
    assert (moved == up).any()
    assert (moved == down).any()


def test_arrays_of_one_name_are_shifted_alike_and_others_are_not() -> None:
    x = np.ones(10_000, np.float32)
    first, again, other = (perturb_one_ulp(x, "float32", name, 0) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert 0.4 < (first == other).mean() < 0.6
    assert 0.4 < (first == perturb_one_ulp(x, "float32", "a", 1)).mean() < 0.6


def test_a_shift_of_more_elements_than_coins_moves_every_one() -> None:
    x = np.ones(2**20 + 12345, np.float32)
    moved = perturb_one_ulp(x, "float32", "large", 0)
    assert (moved != x).all()
    assert abs((moved > x).mean() - 0.5) < 0.01


def test_cotangents_are_the_same_numbers_in_every_precision() -> None:
    drawn = draw_cotangent((50, 40), "key")
    wide = (drawn.astype(np.float64) + 0.5) / 64
    narrow = cotangent(drawn)
    assert narrow.dtype == np.float32
    np.testing.assert_array_equal(wide, narrow)
    assert (drawn == draw_cotangent((50, 40), "key")).all()
    assert (drawn != draw_cotangent((50, 40), "other")).mean() > 0.9
    assert wide.all()
    assert abs(wide.mean()) < 0.1
    assert wide.std() == pytest.approx(1.155, abs=0.05)


def test_arrays_without_dimensions_stay_arrays() -> None:
    scalar = np.array(3.0)
    for found in (
        cotangent(draw_cotangent((), "key")),
        perturb_one_ulp(scalar, "float32", "scalar", 0),
        rounded(scalar),
    ):
        assert isinstance(found, np.ndarray)
        assert found.shape == ()


def test_a_shift_leaves_integers_alone() -> None:
    x = np.arange(5)
    assert perturb_one_ulp(x, "float32", "x", 0) is x


def test_keys_decide_and_nothing_else_does() -> None:
    assert keyed(1, "a").random() == keyed(1, "a").random()
    assert keyed(1, "a").random() != keyed(1, "b").random()


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


def test_probes_do_what_they_are_named_for() -> None:
    x = np.random.default_rng(0).standard_normal((50, 50)) * 7 + 3
    assert STRESS_INPUTS["plain"](x) is x
    assert STRESS_INPUTS["low variance"](x).std() == pytest.approx(1 / 1024)
    assert STRESS_INPUTS["large offset"](x).mean() > 99
    assert STRESS_INPUTS["large magnitude"](x).std() == pytest.approx(64)
    assert (np.abs(STRESS_INPUTS["beyond float16"](x)) > 65504).mean() > 0.5
    assert np.ptp(STRESS_INPUTS["constant"](x)) == 0
    assert not STRESS_INPUTS["zeros"](x).any()
    for stress_input in STRESS_INPUTS.values():
        assert np.isfinite(stress_input(np.zeros((2, 2)))).all()


def test_rounding_lays_an_array_out_row_by_row() -> None:
    x = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)
    assert rounded(x).flags.c_contiguous
    np.testing.assert_array_equal(rounded(x), x)
