"""Exact tables, and how far rounding may take a table from them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from ddpm.config import DiffusionConfig
from ddpm_study.exact_schedule import conditioning, exact_tables


def test_a_schedule_of_one_step_has_beta_start() -> None:
    tables = exact_tables(DiffusionConfig(T=1, beta_start=0.25, beta_end=0.5))
    assert tables["beta"] == [mpf(0.25)]
    assert tables["posterior_mean_x0"] == [mpf(1)]


@pytest.mark.parametrize(("end", "allowed"), [(0.02, 8), (0.5, 8), (0.75, 24), (0.875, 56)])
def test_alpha_magnifies_the_rounding_of_beta_by_their_ratio(end: float, allowed: float) -> None:
    exact = exact_tables(DiffusionConfig(T=5, beta_start=0.01, beta_end=end))
    assert conditioning(exact, "alpha", "linear") == pytest.approx(allowed, rel=1e-12)
    assert conditioning(exact, "beta", "linear") == 8


def test_a_product_gathers_what_its_factors_may_lose() -> None:
    steep = exact_tables(DiffusionConfig(T=2, beta_start=0.5, beta_end=0.75))
    assert conditioning(steep, "alpha_bar", "linear") == 8 * (1 + 3)
    flat = exact_tables(DiffusionConfig(T=100))
    assert conditioning(flat, "alpha_bar", "linear") == 8 * 100


def test_a_steep_schedule_in_float64_is_within_what_is_allowed() -> None:
    config = DiffusionConfig(T=359, beta_start=0.0598, beta_end=0.999)
    beta = np.linspace(config.beta_start, config.beta_end, config.T)
    with mpmath.workdps(60):
        exact = exact_tables(config)
        gaps = [
            abs(mpf(float(f)) - e) / mpf(float(np.spacing(f)))
            for f, e in zip(1 - beta, exact["alpha"], strict=True)
        ]
    assert 8 < max(gaps) < conditioning(exact, "alpha", config.schedule)
