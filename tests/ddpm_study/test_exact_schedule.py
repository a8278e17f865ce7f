"""Exact tables, and how far rounding may take a table from them."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from ddpm.config import DiffusionConfig, SampleConfig
from ddpm_study.exact_schedule import (
    conditioning,
    exact_sampler_tables,
    exact_sampler_tables_and_limits,
    exact_tables,
)
from ddpm_study.pairs import sampler_tables
from parity.pair_check import compare


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


def test_a_sampler_of_all_timesteps_with_eta_1_has_the_posteriors_variance() -> None:
    config = DiffusionConfig(T=20, beta_start=0.01, beta_end=0.3, variance="fixed_small")
    with mpmath.workdps(50):
        tables = exact_sampler_tables(config, SampleConfig(sampler="ddim", eta=1.0))
        pairs = zip(tables["sigma"], exact_tables(config)["sigma"], strict=True)
        assert all(abs(one - other) < mpf("1e-45") for one, other in pairs)


def test_extrapolation_is_half_of_the_ratio_of_steps_of_the_log_snr() -> None:
    config = DiffusionConfig(T=3, beta_start=0.1, beta_end=0.4)
    tables = exact_sampler_tables(config, SampleConfig(sampler="dpm-solver++"))
    bar = [0.9, 0.9 * 0.75, 0.9 * 0.75 * 0.6]
    snr = [np.log(a / (1 - a)) / 2 for a in bar]
    expected = (snr[0] - snr[1]) / (snr[1] - snr[2]) / 2
    assert float(tables["extrapolation"][1]) == pytest.approx(expected, rel=1e-12)
    assert tables["extrapolation"][0] == tables["extrapolation"][2] == 0


@pytest.mark.parametrize("steps", [1, 2, 10, None])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_both_sides_tables_are_exact_up_to_rounding(steps: int | None, schedule: str) -> None:
    config = DiffusionConfig(T=50, schedule=schedule)  # type: ignore[arg-type]
    for eta in (0.0, 0.5, 1.0):
        sample = SampleConfig(sampler="ddim", steps=steps, eta=eta, spacing="trailing")
        report = compare(sampler_tables("sampler", config, sample))
        assert report.passed, str(report)


@pytest.mark.parametrize("name", ["signal", "direction", "sigma", "extrapolation"])
def test_a_sampler_table_of_float32_is_seen(name: str) -> None:
    config, sample = DiffusionConfig(), SampleConfig(sampler="ddim", steps=50, eta=0.5)
    with mpmath.workdps(50):
        exact, limit = exact_sampler_tables_and_limits(config, sample)[name]
        rounded = [float(np.float32(value)) for value in exact]
        gaps = [abs(f - e) / mpf(float(np.spacing(f))) for f, e in zip(rounded, exact, strict=True)]
    assert max(gaps) > 10 * limit
