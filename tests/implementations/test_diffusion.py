"""The diffusion process against closed forms, on both sides."""

import math

import numpy as np
import pytest

from ddpm import streams
from tests.implementations import oracles
from tests.implementations.oracles import DIFFUSIONS, error

SHAPE = (4, 3, 5, 5)
configs = pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())
pytestmark = pytest.mark.usefixtures("exact_arrays")


def arrays(count):
    return list(oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1).values())


def some_timesteps(T):
    return sorted({0, 1 % T, T // 2, T - 1})


def at(implementation, t):
    return implementation.tensor(np.full(SHAPE[0], t))


def float64_values(implementation, tensor):
    assert implementation.dtype(tensor) == "float64"
    return implementation.numpy(tensor)


@configs
def test_q_sample_is_the_closed_form_for_each_samples_own_timestep(implementation, config):
    x_0, noise = arrays(2)
    t = np.array([0, config.T - 1, config.T // 2, 0])
    bar = oracles.schedule(config)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    expected = np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise
    process = implementation.diffusion.GaussianDiffusion(config)
    actual = process.q_sample(*map(implementation.tensor, (x_0, t, noise)))
    assert error(float64_values(implementation, actual), expected) < 1e-12


def test_q_sample_has_the_variance_of_the_chain_of_single_steps(implementation):
    process = implementation.diffusion.GaussianDiffusion(DIFFUSIONS["tiny"])
    count, deviation, variance = 100_000, 0.5, 0.25
    x_0 = streams.noise((count, 1, 1, 1), seed=1, step=0).astype(np.float64) * deviation
    noise = streams.noise((count, 1, 1, 1), seed=1, step=1).astype(np.float64)
    x_0, noise = map(implementation.tensor, (x_0, noise))
    names = ("alpha", "beta", "alpha_bar")
    rows = zip(*(implementation.numpy(getattr(process.schedule, n)) for n in names), strict=True)
    for t, (alpha, beta, bar) in enumerate(rows):
        variance = alpha * variance + beta  # one step of q(x_t | x_{t-1})
        if t in (0, 10, 50, 99):
            x_t = process.q_sample(x_0, implementation.tensor(np.full(count, t)), noise)
            sample = float64_values(implementation, x_t).var(ddof=1)
            assert sample == pytest.approx(variance, rel=6 * math.sqrt(2 / count))
            assert bar * deviation**2 + 1 - bar == pytest.approx(variance, rel=1e-13)


@configs
def test_predict_x0_undoes_q_sample(implementation, config):
    x_0, noise = arrays(2)
    process = implementation.diffusion.GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        timestep, given = at(implementation, t), implementation.tensor(noise)
        x_t = process.q_sample(implementation.tensor(x_0), timestep, given)
        predicted = process.predict_x0(x_t, timestep, given)
        lost = 1 / float(process.schedule.sqrt_alpha_bar[t])
        assert error(float64_values(implementation, predicted), x_0) < 1e-15 * lost * 4


@configs
def test_the_posterior_mean_is_bayes_rule(implementation, config):
    x_0, x_t = arrays(2)
    process = implementation.diffusion.GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        mean = process.q_posterior_mean(
            *map(implementation.tensor, (x_0, x_t)), at(implementation, t)
        )
        expected = oracles.posterior_mean(config, x_0, x_t, t) if t else x_0
        assert error(float64_values(implementation, mean), expected) < 1e-11


def test_the_loss_is_the_mean_squared_error_at_the_noised_images(implementation):
    x_0, noise = arrays(2)
    t = np.array([0, 3, 50, 99])
    bar = oracles.schedule(DIFFUSIONS["tiny"])["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise
    difference = 0.5 * x_t + t.reshape(-1, 1, 1, 1) - noise
    module = implementation.model({"factor": np.full((1, 1, 1, 1), 0.5)})

    def model(x, timestep):
        return module.factor * x + implementation.cast(timestep, "float64").reshape(-1, 1, 1, 1)

    process = implementation.diffusion.GaussianDiffusion(DIFFUSIONS["tiny"])
    loss = process.loss(model, *map(implementation.tensor, (x_0, t, noise)))
    (slope,) = implementation.gradients(loss, [module.factor])
    value, derivative = (float64_values(implementation, v).item() for v in (loss, slope))
    assert value == pytest.approx((difference**2).mean(), rel=1e-14)
    assert derivative == pytest.approx((2 * difference * x_t).mean(), rel=1e-14)
