"""The diffusion process against closed forms."""

import dataclasses
import math

import jittor as jt
import numpy as np
import pytest

from ddpm import streams
from ddpm.config import DiffusionConfig
from impl_jittor import diffusion as under_test
from impl_jittor.diffusion import GaussianDiffusion
from tests.impl_torch import oracles
from tests.impl_torch.oracles import DIFFUSIONS, error

SHAPE = (4, 3, 5, 5)
configs = pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())
pytestmark = pytest.mark.usefixtures("wide")


def arrays(count):
    return list(oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1).values())


def some_timesteps(T):
    return sorted({0, 1 % T, T // 2, T - 1})


def predicts(noise):
    return lambda x_t, timestep: jt.array(noise)


def at(t):
    return jt.array(np.full(SHAPE[0], t))


def numbers(var):
    assert str(var.dtype) == "float64"
    return var.numpy()


@configs
def test_q_sample_is_the_closed_form_for_each_samples_own_timestep(config):
    x_0, noise = arrays(2)
    t = np.array([0, config.T - 1, config.T // 2, 0])
    bar = oracles.schedule(config)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    expected = np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise
    actual = GaussianDiffusion(config).q_sample(jt.array(x_0), jt.array(t), jt.array(noise))
    assert error(numbers(actual), expected) < 1e-12


def test_q_sample_has_the_variance_of_the_chain_of_single_steps():
    config = DIFFUSIONS["tiny"]
    diffusion = GaussianDiffusion(config)
    count, spread, variance = 100_000, 0.5, 0.25
    x_0 = jt.array(streams.noise((count, 1, 1, 1), seed=1, step=0).astype(np.float64) * spread)
    noise = jt.array(streams.noise((count, 1, 1, 1), seed=1, step=1).astype(np.float64))
    tables = diffusion.schedule
    for t, (alpha, beta) in enumerate(zip(tables.alpha, tables.beta, strict=True)):
        variance = alpha * variance + beta  # one step of q(x_t | x_{t-1})
        if t in (0, 10, 50, 99):
            drawn = diffusion.q_sample(x_0, jt.array(np.full(count, t)), noise)
            assert numbers(drawn).var() == pytest.approx(variance, rel=6 * math.sqrt(2 / count))
            bar = tables.alpha_bar[t]
            assert bar * spread**2 + 1 - bar == pytest.approx(variance, rel=1e-13)


@configs
def test_predict_x0_undoes_q_sample(config):
    x_0, noise = arrays(2)
    diffusion = GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        x_t = diffusion.q_sample(jt.array(x_0), at(t), jt.array(noise))
        found = diffusion.predict_x0(x_t, at(t), jt.array(noise))
        lost = 1 / diffusion.schedule.sqrt_alpha_bar[t]
        assert error(numbers(found), x_0) < 1e-15 * lost * 4


@configs
def test_the_posterior_mean_is_bayes_rule(config):
    x_0, x_t = arrays(2)
    diffusion = GaussianDiffusion(config)
    first = diffusion.q_posterior_mean(jt.array(x_0), jt.array(x_t), at(0))
    assert error(numbers(first), x_0) < 1e-11
    for t in some_timesteps(config.T)[1:]:
        expected = oracles.posterior_mean(config, x_0, x_t, t)
        found = diffusion.q_posterior_mean(jt.array(x_0), jt.array(x_t), at(t))
        assert error(numbers(found), expected) < 1e-11


def closed_form_step(config, predicted, t, x_t, noise):
    tables = oracles.schedule(config)
    bar = tables["alpha_bar"][t]
    x_0 = (x_t - np.sqrt(1 - bar) * predicted) / np.sqrt(bar)
    x_0 = np.clip(x_0, -1, 1) if config.clip else x_0
    mean = x_0 if t == 0 else oracles.posterior_mean(config, x_0, x_t, t)
    return mean + tables["sigma"][t] * noise


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("name", ["paper", "tiny", "cosine", "two steps", "one step"])
def test_p_sample_is_the_closed_form(name, variance, clip):
    config = dataclasses.replace(DIFFUSIONS[name], variance=variance, clip=clip)
    x_t, predicted, noise = arrays(3)
    diffusion = GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        ours = diffusion.p_sample(predicts(predicted), jt.array(x_t), at(t), jt.array(noise))
        assert error(numbers(ours), closed_form_step(config, predicted, t, x_t, noise)) < 1e-11, t


def test_a_step_with_the_other_variance_or_clipping_is_seen():
    x_t, predicted, noise = arrays(3)
    for fault in ({"variance": "fixed_small"}, {"clip": False}):
        config = DIFFUSIONS["tiny"]
        faulty = GaussianDiffusion(dataclasses.replace(config, **fault))
        ours = faulty.p_sample(predicts(predicted), jt.array(x_t), at(50), jt.array(noise))
        assert error(numbers(ours), closed_form_step(config, predicted, 50, x_t, noise)) > 1e-4


def test_no_noise_enters_the_last_step():
    x_t, predicted, noise, other = map(jt.array, arrays(4))
    for config in (DiffusionConfig(), DiffusionConfig(variance="fixed_small")):
        diffusion = GaussianDiffusion(config)

        def model(x, t):
            return predicted

        one, two = (numbers(diffusion.p_sample(model, x_t, at(0), n)) for n in (noise, other))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, numbers(diffusion.p_mean(model, x_t, at(0))))


def test_the_loss_and_its_gradient_are_the_mean_squared_errors_at_the_noised_images(monkeypatch):
    config = DIFFUSIONS["tiny"]
    x_0, noise = arrays(2)
    t = np.array([0, 3, 50, 99])
    bar = oracles.schedule(config)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise
    factor = jt.array(np.full((1, 1, 1, 1), 0.5))

    def model(x, timestep):
        return factor * x + timestep.float64().reshape(-1, 1, 1, 1)

    def run():
        loss = GaussianDiffusion(config).loss(model, jt.array(x_0), jt.array(t), jt.array(noise))
        slope = jt.grad(loss, factor)
        return numbers(loss).item(), numbers(slope).item()

    gap = 0.5 * x_t + t.reshape(-1, 1, 1, 1) - noise
    loss, slope = run()
    assert loss == pytest.approx((gap**2).mean(), rel=1e-14)
    assert slope == pytest.approx((2 * gap * x_t).mean(), rel=1e-14)
    monkeypatch.setattr(under_test, "mean", lambda x: x.mean())
    assert run()[1] != pytest.approx((2 * gap * x_t).mean(), rel=1e-10)
