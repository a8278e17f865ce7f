"""The tables of the forward process and of its posterior, and their look-up."""

import jittor as jt
import numpy as np
import pytest

from ddpm.config import DiffusionConfig
from impl_jittor import schedule as under_test
from impl_jittor.schedule import Schedule, cosine_beta, extract, linear_beta
from tests.impl_torch import oracles
from tests.impl_torch.oracles import DIFFUSIONS

# 1 - alpha_bar keeps eps / beta_0 of its digits: eps / 4e-5 is 6e-12 for the cosine.
TABLE_TOLERANCE = 2e-11
configs = pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())


def distance(config, name):
    """The largest relative error of any one entry."""
    actual = getattr(Schedule(config), name)
    expected = oracles.schedule(config)[name]
    zero = expected == 0
    assert (actual[zero] == 0).all(), "zeros are exact"
    gaps = np.abs(actual[~zero] - expected[~zero]) / np.abs(expected[~zero])
    return float(gaps.max(initial=0.0))


@configs
def test_every_table_is_that_of_high_precision(config):
    for name in oracles.schedule(config):
        table = getattr(Schedule(config), name)
        assert table.dtype == np.float64
        assert table.shape == (config.T,)
        assert distance(config, name) < TABLE_TOLERANCE, name


@configs
def test_coefficients_lose_no_digit_where_none_cancels(config):
    for name in ("alpha", "sqrt_alpha_bar"):
        bound = max(config.T, 10) * 2.3e-16 * (10 if config.schedule == "cosine" else 1)
        assert distance(config, name) < bound, name


def test_a_beta_of_the_wrong_end_is_seen(monkeypatch):
    config = DIFFUSIONS["tiny"]
    monkeypatch.setattr(under_test, "linear_beta", lambda c: linear_beta(c) * (1 + 1e-9))
    assert distance(config, "beta") > TABLE_TOLERANCE
    assert distance(config, "posterior_variance") > TABLE_TOLERANCE


@configs
def test_the_first_step_back_is_certain(config):
    tables = Schedule(config)
    assert tables.posterior_variance[0] == 0
    assert tables.sigma[0] == 0
    assert tables.posterior_mean_x0[0] == pytest.approx(1, abs=TABLE_TOLERANCE)
    assert tables.posterior_mean_xt[0] == 0
    assert tables.alpha_bar_previous[0] == 1


@configs
def test_tables_are_finite_and_in_range(config):
    tables = Schedule(config)
    for name in oracles.schedule(config):
        assert np.isfinite(getattr(tables, name)).all(), name
    assert (tables.beta > 0).all()
    assert (tables.beta <= 0.999).all()
    assert (np.diff(tables.alpha_bar) < 0).all()
    assert (tables.posterior_variance <= tables.beta).all()


@pytest.mark.parametrize("T", [1, 2, 10])
def test_a_linear_schedule_starts_and_ends_where_it_is_told(T):
    beta = linear_beta(DiffusionConfig(T=T, beta_start=0.1, beta_end=0.3))
    assert beta[0] == 0.1
    assert beta[-1] == (0.1 if T == 1 else 0.3)


def test_a_cosine_schedule_ignores_the_linear_ends():
    one = cosine_beta(DiffusionConfig(T=20, schedule="cosine"))
    other = cosine_beta(DiffusionConfig(T=20, schedule="cosine", beta_start=0.1, beta_end=0.3))
    np.testing.assert_array_equal(one, other)
    assert one[-1] == 0.999


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("converts", [0, 1])
def test_extract_looks_up_each_sample_and_keeps_the_dtype(dtype, converts):
    table = np.array([0.1, 0.2, 0.3])
    timestep = np.array([2, 0, 2, 1])
    like = jt.zeros((4, 1, 2, 2)).cast(dtype)
    with jt.flag_scope(auto_convert_64_to_32=converts):
        found = extract(table, jt.array(timestep), like)
    assert str(found.dtype) == dtype
    assert tuple(found.shape) == (4, 1, 1, 1)
    np.testing.assert_array_equal(found.numpy().ravel(), table[timestep].astype(dtype))
