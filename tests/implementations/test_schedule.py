"""The tables of the forward process and of its posterior, and their look-up, on both sides."""

import numpy as np
import pytest

from ddpm.config import DiffusionConfig
from tests.implementations import oracles
from tests.implementations.oracles import DIFFUSIONS

# 1 - alpha_bar keeps eps / beta_0 of its digits: eps / 4e-5 is 6e-12 for the cosine.
TABLE_TOLERANCE = 2e-11
configs = pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())


def distance(implementation, config, name, timesteps=None):
    """The largest relative error of any one entry."""
    table = getattr(implementation.schedule.Schedule(config, timesteps), name)
    actual, expected = implementation.numpy(table), oracles.schedule(config, timesteps)[name]
    zero = expected == 0
    assert (actual[zero] == 0).all(), "zeros are exact"
    errors = np.abs(actual[~zero] - expected[~zero]) / np.abs(expected[~zero])
    return float(errors.max(initial=0.0))


@configs
def test_every_table_is_that_of_high_precision(implementation, config):
    for name in oracles.schedule(config):
        table = getattr(implementation.schedule.Schedule(config), name)
        assert implementation.dtype(table) == "float64"
        assert table.shape == (config.T,)
        assert distance(implementation, config, name) < TABLE_TOLERANCE, name


@configs
def test_coefficients_lose_no_digit_where_none_cancels(implementation, config):
    for name in ("alpha", "sqrt_alpha_bar"):
        bound = max(config.T, 10) * 2.3e-16 * (10 if config.schedule == "cosine" else 1)
        assert distance(implementation, config, name) < bound, name


def test_a_beta_of_the_wrong_end_is_seen(implementation, monkeypatch):
    config, schedule = DIFFUSIONS["tiny"], implementation.schedule
    correct = schedule.linear_beta
    monkeypatch.setattr(schedule, "linear_beta", lambda c: correct(c) * (1 + 1e-9))
    assert distance(implementation, config, "beta") > TABLE_TOLERANCE
    assert distance(implementation, config, "posterior_variance") > TABLE_TOLERANCE


@configs
def test_the_first_step_back_is_certain(implementation, config):
    tables = implementation.schedule.Schedule(config)
    assert tables.posterior_variance[0] == 0
    assert tables.sigma[0] == 0
    assert tables.posterior_mean_x0[0] == pytest.approx(1, abs=TABLE_TOLERANCE)
    assert tables.posterior_mean_xt[0] == 0
    assert tables.alpha_bar_previous[0] == 1


@configs
def test_tables_are_finite_and_in_range(implementation, config):
    schedule = implementation.schedule.Schedule(config)
    tables = {
        name: implementation.numpy(getattr(schedule, name)) for name in oracles.schedule(config)
    }
    for name, table in tables.items():
        assert np.isfinite(table).all(), name
    assert (tables["beta"] > 0).all()
    assert (tables["beta"] <= 0.999).all()
    assert (np.diff(tables["alpha_bar"]) < 0).all()
    assert (tables["posterior_variance"] <= tables["beta"]).all()


@pytest.mark.parametrize("T", [1, 2, 10])
def test_a_linear_schedule_starts_and_ends_where_configured(implementation, T):
    beta = implementation.schedule.linear_beta(DiffusionConfig(T=T, beta_start=0.1, beta_end=0.3))
    assert beta[0] == 0.1
    assert beta[-1] == (0.1 if T == 1 else 0.3)


def test_a_cosine_schedule_ignores_the_linear_ends(implementation):
    cosine_beta, numpy = implementation.schedule.cosine_beta, implementation.numpy
    one = numpy(cosine_beta(DiffusionConfig(T=20, schedule="cosine")))
    ends = {"beta_start": 0.1, "beta_end": 0.3}
    other = numpy(cosine_beta(DiffusionConfig(T=20, schedule="cosine", **ends)))
    np.testing.assert_array_equal(one, other)
    assert one[-1] == 0.999


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extract_looks_up_each_sample_and_keeps_the_dtype(implementation, dtype):
    table, timestep = np.array([0.1, 0.2, 0.3]), np.array([2, 0, 2, 1])
    like = implementation.tensor(np.zeros((4, 1, 2, 2), dtype))
    # A table is a tensor in PyTorch and an array in Jittor.
    stored = implementation.tensor(table) if implementation.name == "torch" else table
    extracted = implementation.schedule.extract(stored, implementation.tensor(timestep), like)
    assert implementation.dtype(extracted) == dtype
    assert tuple(extracted.shape) == (4, 1, 1, 1)
    values = implementation.numpy(extracted).ravel()
    np.testing.assert_array_equal(values, table[timestep].astype(dtype))


# Over some of the timesteps

SOME = [(0, 3, 6, 9), (1, 2, 9), (9,), tuple(range(10))]


@pytest.mark.parametrize("timesteps", SOME, ids=str)
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_tables_over_some_timesteps_compose_the_steps_between(
    implementation, schedule, variance, timesteps
):
    config = DiffusionConfig(T=10, schedule=schedule, variance=variance, beta_end=0.3)
    for name in oracles.schedule(config, timesteps):
        assert distance(implementation, config, name, timesteps) < TABLE_TOLERANCE, name


def test_tables_over_other_timesteps_are_seen(implementation):
    config = DiffusionConfig(T=10, beta_end=0.3)
    table = implementation.numpy(implementation.schedule.Schedule(config, (0, 3, 8)).beta)
    assert oracles.error(table, oracles.schedule(config, (0, 3, 9))["beta"]) > 1e-3
