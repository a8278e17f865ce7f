"""The diffusion process against closed forms, and against diffusers' DDPMScheduler."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from ddpm import streams
from ddpm.config import DiffusionConfig
from impl_torch.diffusion import GaussianDiffusion
from tests.impl_torch import oracles
from tests.impl_torch.oracles import DIFFUSIONS, error
from tests.impl_torch.test_schedule import scheduler

SHAPE = (4, 3, 5, 5)
configs = pytest.mark.parametrize("config", DIFFUSIONS.values(), ids=DIFFUSIONS.keys())


def tensors(count, dtype=torch.float64):
    draws = oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1)
    return [torch.from_numpy(draw).to(dtype) for draw in draws.values()]


def some_timesteps(T):
    return sorted({0, 1 % T, T // 2, T - 1})


def predicts(noise):
    return lambda x_t, timestep: noise


def at(t):
    return torch.full((SHAPE[0],), t, dtype=torch.int64)


@configs
def test_q_sample_is_the_closed_form_for_each_samples_own_timestep(config):
    x_0, noise = tensors(2)
    t = np.array([0, config.T - 1, config.T // 2, 0])
    bar = oracles.schedule(config)["alpha_bar"][t].reshape(-1, 1, 1, 1)
    expected = np.sqrt(bar) * x_0.numpy() + np.sqrt(1 - bar) * noise.numpy()
    actual = GaussianDiffusion(config).q_sample(x_0, torch.from_numpy(t), noise)
    assert actual.dtype == torch.float64
    assert error(actual.numpy(), expected) < 1e-12


def test_q_sample_has_the_variance_of_the_chain_of_single_steps():
    config = DIFFUSIONS["tiny"]
    diffusion = GaussianDiffusion(config)
    count, spread, variance = 100_000, 0.5, 0.25
    x_0 = torch.from_numpy(streams.noise((count, 1, 1, 1), seed=1, step=0)).double() * spread
    noise = torch.from_numpy(streams.noise((count, 1, 1, 1), seed=1, step=1)).double()
    for t, (alpha, beta) in enumerate(
        zip(diffusion.schedule.alpha.tolist(), diffusion.schedule.beta.tolist(), strict=True)
    ):
        variance = alpha * variance + beta  # one step of q(x_t | x_{t-1})
        if t in (0, 10, 50, 99):
            drawn = diffusion.q_sample(x_0, torch.full((count,), t), noise).var().item()
            assert drawn == pytest.approx(variance, rel=6 * math.sqrt(2 / count))
            bar = diffusion.schedule.alpha_bar[t].item()
            assert bar * spread**2 + 1 - bar == pytest.approx(variance, rel=1e-13)


@configs
def test_predict_x0_undoes_q_sample(config):
    x_0, noise = tensors(2)
    diffusion = GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        found = diffusion.predict_x0(diffusion.q_sample(x_0, at(t), noise), at(t), noise)
        lost = 1 / diffusion.schedule.sqrt_alpha_bar[t].item()
        assert error(found.numpy(), x_0.numpy()) < 1e-15 * lost * 4


@configs
def test_the_posterior_mean_is_bayes_rule(config):
    x_0, x_t = tensors(2)
    diffusion = GaussianDiffusion(config)
    assert error(diffusion.q_posterior_mean(x_0, x_t, at(0)).numpy(), x_0.numpy()) < 1e-11
    for t in some_timesteps(config.T)[1:]:
        expected = oracles.posterior_mean(config, x_0.numpy(), x_t.numpy(), t)
        assert error(diffusion.q_posterior_mean(x_0, x_t, at(t)).numpy(), expected) < 1e-11


def step_of_diffusers(config, monkeypatch, noise, predicted, t, x_t, *, exact):
    from diffusers.schedulers import scheduling_ddpm

    theirs = scheduler(config)
    if exact:  # its own are float32
        tables = oracles.schedule(config)
        theirs.betas = torch.from_numpy(tables["beta"])
        theirs.alphas = torch.from_numpy(tables["alpha"])
        theirs.alphas_cumprod = torch.from_numpy(tables["alpha_bar"])
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *_, **__: noise)
    return theirs.step(predicted, t, x_t).prev_sample.numpy()


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("name", ["paper", "tiny", "cosine", "two steps", "one step"])
def test_p_sample_is_the_step_of_diffusers(name, variance, clip, monkeypatch):
    config = dataclasses.replace(DIFFUSIONS[name], variance=variance, clip=clip)
    x_t, predicted, noise = tensors(3)
    diffusion = GaussianDiffusion(config)
    for t in some_timesteps(config.T):
        ours = diffusion.p_sample(predicts(predicted), x_t, at(t), noise).numpy()
        given = (config, monkeypatch, noise, predicted, t, x_t)
        assert error(ours, step_of_diffusers(*given, exact=True)) < 1e-11, t
        # Its float32 alpha_bar leaves few digits of 1 - alpha_bar and of alpha_bar at the ends.
        assert error(ours, step_of_diffusers(*given, exact=False)) < 2e-3, t


def test_a_step_with_the_other_variance_or_clipping_is_not_diffusers(monkeypatch):
    x_t, predicted, noise = tensors(3)
    for fault in ({"variance": "fixed_small"}, {"clip": False}):
        config = DIFFUSIONS["tiny"]
        faulty = GaussianDiffusion(dataclasses.replace(config, **fault))
        ours = faulty.p_sample(predicts(predicted), x_t, at(50), noise).numpy()
        theirs = step_of_diffusers(config, monkeypatch, noise, predicted, 50, x_t, exact=True)
        assert error(ours, theirs) > 1e-4


def test_no_noise_enters_the_last_step():
    x_t, predicted, noise, other = tensors(4)
    for config in (DiffusionConfig(), DiffusionConfig(variance="fixed_small")):
        diffusion = GaussianDiffusion(config)
        one, two = (diffusion.p_sample(predicts(predicted), x_t, at(0), n) for n in (noise, other))
        assert torch.equal(one, two)
        assert torch.equal(one, diffusion.p_mean(predicts(predicted), x_t, at(0)))


def test_the_loss_is_the_mean_squared_error_at_the_noised_images():
    config = DIFFUSIONS["tiny"]
    x_0, noise = tensors(2)
    t = torch.tensor([0, 3, 50, 99])
    bar = oracles.schedule(config)["alpha_bar"][t.numpy()].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * x_0.numpy() + np.sqrt(1 - bar) * noise.numpy()
    expected = ((0.5 * x_t + t.numpy().reshape(-1, 1, 1, 1) - noise.numpy()) ** 2).mean()

    def model(x, timestep):
        return 0.5 * x + timestep[:, None, None, None]

    loss = GaussianDiffusion(config).loss(model, x_0, t, noise)
    assert loss.dtype == torch.float64
    assert loss.item() == pytest.approx(expected, rel=1e-13)
