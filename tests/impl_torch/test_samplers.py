"""The ancestral step against diffusers' DDPMScheduler."""

import dataclasses

import pytest
import torch

from ddpm.config import SampleConfig
from impl_torch.diffusion import GaussianDiffusion
from impl_torch.samplers import make_sampler
from tests.impl_torch.diffusers_scheduler import scheduler
from tests.implementations import oracles
from tests.implementations.oracles import DIFFUSIONS, error

SHAPE = (4, 3, 5, 5)


def tensors(count):
    draws = oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1)
    return [torch.from_numpy(draw) for draw in draws.values()]


def some_timesteps(T):
    return sorted({0, 1 % T, T // 2, T - 1})


def step(config, t, x_t, predicted, noise, steps=None):
    sampler = make_sampler(GaussianDiffusion(config), SampleConfig(steps=steps))
    position = list(sampler.timesteps).index(t)
    return sampler.step(lambda x, timestep: predicted, x_t, position, noise).numpy()


def step_of_diffusers(monkeypatch, config, t, x_t, predicted, noise, *, exact, timesteps=None):
    from diffusers.schedulers import scheduling_ddpm

    peer = scheduler(config)
    if timesteps is not None:
        peer.set_timesteps(timesteps=list(reversed(timesteps)))
    if exact:  # its own are float32
        tables = oracles.schedule(config)
        peer.betas = torch.from_numpy(tables["beta"])
        peer.alphas = torch.from_numpy(tables["alpha"])
        peer.alphas_cumprod = torch.from_numpy(tables["alpha_bar"])
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *_, **__: noise)
    return peer.step(predicted, t, x_t).prev_sample.numpy()


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("name", ["paper", "tiny", "cosine", "two steps", "one step"])
def test_a_step_is_that_of_diffusers(name, variance, clip, monkeypatch):
    config = dataclasses.replace(DIFFUSIONS[name], variance=variance, clip=clip)
    given = tensors(3)
    for t in some_timesteps(config.T):
        x = step(config, t, *given)
        assert error(x, step_of_diffusers(monkeypatch, config, t, *given, exact=True)) < 1e-11, t
        # Its float32 alpha_bar leaves few digits of 1 - alpha_bar and of alpha_bar at the ends.
        rounded = step_of_diffusers(monkeypatch, config, t, *given, exact=False)
        assert error(x, rounded) < 2e-3, t


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_a_step_over_some_timesteps_is_that_of_diffusers(variance, monkeypatch):
    config = dataclasses.replace(DIFFUSIONS["tiny"], T=10, variance=variance)
    given, visited = tensors(3), [0, 3, 6, 9]
    for t in visited:
        expected = step_of_diffusers(monkeypatch, config, t, *given, exact=True, timesteps=visited)
        assert error(step(config, t, *given, steps=4), expected) < 1e-11, t


def test_a_step_with_the_other_variance_or_clipping_is_not_diffusers(monkeypatch):
    given, config = tensors(3), DIFFUSIONS["tiny"]
    for fault in ({"variance": "fixed_small"}, {"clip": False}):
        x = step(dataclasses.replace(config, **fault), 50, *given)
        assert error(x, step_of_diffusers(monkeypatch, config, 50, *given, exact=True)) > 1e-4
