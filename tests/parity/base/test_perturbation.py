"""A perturbation moves every element by one ulp."""

from __future__ import annotations

import numpy as np
import pytest

from parity.base.numerics import LowPrecision, Precision, rounded_to
from parity.base.perturbation import SIGNS, perturb_one_ulp
from parity.base.rng import cotangent, draw_cotangent


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_perturbation_is_one_ulp_and_leaves_zeros(precision: Precision) -> None:
    x = np.array([0.0, 1.0, -3.5, 1e-20, 1e20], precision)
    perturbed = perturb_one_ulp(x, precision, "x", "key")
    assert perturbed.dtype == x.dtype
    assert perturbed[0] == 0
    assert np.all(np.abs(perturbed - x)[1:] <= np.spacing(np.abs(x))[1:])
    assert np.all(perturbed[1:] != x[1:])


def test_a_perturbation_goes_both_ways_and_leaves_infinities_and_nan() -> None:
    x = np.full(1000, 3.0, np.float32)
    up = (perturb_one_ulp(x, "float32", "x", 0) > x).mean()
    assert 0.4 < up < 0.6
    special = np.array([np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(perturb_one_ulp(special, "float64", "special", 0), special)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_perturbation_leads_to_a_neighbouring_float(precision: Precision) -> None:
    x = np.random.default_rng(0).standard_normal(999).astype(precision)
    x[::7] = -np.abs(x[::7])
    perturbed = perturb_one_ulp(x, precision, "x", 1)
    up, down = (np.nextafter(x, np.array(to, precision)) for to in (np.inf, -np.inf))
    assert ((perturbed == up) | (perturbed == down)).all()
    assert (perturbed == up).any()
    assert (perturbed == down).any()


def test_arrays_of_one_name_are_perturbed_alike_and_others_are_not() -> None:
    x = np.ones(10_000, np.float32)
    first, again, other = (perturb_one_ulp(x, "float32", name, 0) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert 0.4 < (first == other).mean() < 0.6
    assert 0.4 < (first == perturb_one_ulp(x, "float32", "a", 1)).mean() < 0.6


def test_every_element_of_an_array_larger_than_the_signs_is_perturbed() -> None:
    x = np.ones(SIGNS + 12345, np.float32)
    perturbed = perturb_one_ulp(x, "float32", "large", 0)
    assert (perturbed != x).all()
    assert abs((perturbed > x).mean() - 0.5) < 0.01


def test_arrays_without_dimensions_stay_arrays() -> None:
    scalar = np.array(3.0)
    for result in (
        cotangent(draw_cotangent((), "key")),
        perturb_one_ulp(scalar, "float32", "scalar", 0),
    ):
        assert isinstance(result, np.ndarray)
        assert result.shape == ()


def test_integers_are_not_perturbed() -> None:
    x = np.arange(5)
    assert perturb_one_ulp(x, "float32", "x", 0) is x


@pytest.mark.parametrize(("low", "bits"), [("bfloat16", 8), ("float16", 11)])
def test_a_perturbation_is_one_ulp_of_a_low_precision(low: LowPrecision, bits: int) -> None:
    x = np.random.default_rng(0).standard_normal(999).astype(np.float32)
    x[:2] = 0.0, np.inf
    perturbed = perturb_one_ulp(x, "float32", "x", 1, low=low)
    kept = rounded_to(x, low)
    np.testing.assert_array_equal(rounded_to(perturbed, low), perturbed)
    np.testing.assert_array_equal(perturbed[:2], x[:2])
    steps = np.abs(perturbed[2:] - kept[2:]) / 2.0 ** np.floor(np.log2(np.abs(kept[2:])))
    assert set(np.unique(steps)) <= {2.0**-bits, 2.0 ** (1 - bits)}
    assert (perturbed > kept).any()
    assert (perturbed < kept).any()
    np.testing.assert_array_equal(
        perturb_one_ulp(x, "float64", "x", 1, low=low), perturb_one_ulp(x, "float64", "x", 1)
    )
