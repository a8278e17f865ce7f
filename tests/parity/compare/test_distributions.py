"""Initial values: constants exactly, distributions by a test whose errors are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from parity.compare.distributions import (
    critical_value,
    kolmogorov_smirnov,
    without_rounding,
)
from parity.limits import INIT_SIGNIFICANCE


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(1, 200))
def test_the_statistic_is_scipys(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal(n), rng.uniform(-1, 1, m)
    with np.errstate(all="ignore"):  # its p-value, which is not asked for
        expected = stats.ks_2samp(a, b, method="asymp").statistic
    assert kolmogorov_smirnov(a, b) == pytest.approx(expected, abs=1e-12)


def test_ties_are_counted_once() -> None:
    a = np.array([0.0, 0.0, 1.0, 1.0])
    assert kolmogorov_smirnov(a, a) == 0
    assert kolmogorov_smirnov(a, np.array([0.0, 1.0, 1.0, 1.0])) == 0.25


@pytest.mark.parametrize("size", [200, 1000, 5000])
def test_the_critical_value_is_the_asymptotic_one(size: int) -> None:
    # Two samples of n: sqrt(n / 2) times the gap has Kolmogorov's distribution in the limit; the
    # bound in use is its leading term.
    level = stats.kstwobign.sf(critical_value(size) * np.sqrt(size / 2))
    assert level == pytest.approx(INIT_SIGNIFICANCE, rel=0.01)


def test_the_same_distribution_passes_and_another_one_does_not() -> None:
    rng = np.random.default_rng(0)
    limit = critical_value(2000)
    same = [kolmogorov_smirnov(*rng.standard_normal((2, 2000))) for _ in range(200)]
    assert max(same) < limit
    wide = [
        kolmogorov_smirnov(rng.standard_normal(2000), 2 * rng.standard_normal(2000))
        for _ in range(50)
    ]
    assert min(wide) > limit
    uniform = np.sqrt(3) * rng.uniform(-1, 1, 20000)
    assert kolmogorov_smirnov(rng.standard_normal(20000), uniform) > critical_value(20000)


def test_discrete_samples_that_differ_by_rounding_alone_are_the_same() -> None:
    generator = np.random.default_rng(0)
    a, b = (generator.integers(0, 3, 2000) / 3 for _ in range(2))
    rounded = b * (1 + 1e-7)
    assert kolmogorov_smirnov(a, rounded) > 0.2
    assert kolmogorov_smirnov(*without_rounding(a, rounded)) < 0.05
    other = generator.integers(0, 4, 2000) / 3
    assert kolmogorov_smirnov(*without_rounding(a, other)) > 0.2


def test_samples_of_a_density_stay_as_they_are_but_for_rounding() -> None:
    a, b = np.random.default_rng(1).standard_normal((2, 500))
    assert all(
        np.allclose(x, y, atol=1e-5) for x, y in zip(without_rounding(a, b), (a, b), strict=True)
    )
    assert abs(kolmogorov_smirnov(a, b) - kolmogorov_smirnov(*without_rounding(a, b))) < 0.01
    assert [x.size for x in without_rounding(a[:0], b[:0])] == [0, 0]


def test_a_handful_of_numbers_cannot_be_told_apart() -> None:
    assert critical_value(7) == 1.0
