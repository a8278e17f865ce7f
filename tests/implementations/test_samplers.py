"""Samplers on both sides: one step against closed forms, the timesteps, and a further sampler."""

import dataclasses

import numpy as np
import pytest

from ddpm import config as under_test
from ddpm.config import SAMPLERS, DiffusionConfig, SampleConfig
from tests.implementations import oracles
from tests.implementations.oracles import DIFFUSIONS, error

SHAPE = (4, 3, 5, 5)
SOME = {"T": 10, "beta_start": 0.01, "beta_end": 0.3}
pytestmark = pytest.mark.usefixtures("exact_arrays")


def arrays(count):
    return list(oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1).values())


def some_timesteps(T):
    return sorted({0, 1 % T, T // 2, T - 1})


def ancestral_step(implementation, config, t, x_t, predicted, noise):
    process = implementation.diffusion.GaussianDiffusion(config)
    sampler = implementation.samplers.make_sampler(process, SampleConfig())
    x_t, predicted, noise = map(implementation.tensor, (x_t, predicted, noise))
    x = sampler.step(lambda x, timestep: predicted, x_t, t, noise)
    assert implementation.dtype(x) == "float64"
    return implementation.numpy(x)


def closed_form_step(config, t, x_t, predicted, noise, timesteps=None):
    """The step of algorithm 2 at row t of the tables."""
    tables = oracles.schedule(config, timesteps)
    bar = tables["alpha_bar"][t]
    x_0 = (x_t - np.sqrt(1 - bar) * predicted) / np.sqrt(bar)
    x_0 = np.clip(x_0, -1, 1) if config.clip else x_0
    mean = oracles.posterior_mean(config, x_0, x_t, t, timesteps) if t else x_0
    return mean + tables["sigma"][t] * noise


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("name", ["paper", "tiny", "cosine", "two steps", "one step"])
def test_the_ancestral_step_is_the_closed_form(implementation, name, variance, clip):
    config = dataclasses.replace(DIFFUSIONS[name], variance=variance, clip=clip)
    given = arrays(3)
    for t in some_timesteps(config.T):
        x = ancestral_step(implementation, config, t, *given)
        assert error(x, closed_form_step(config, t, *given)) < 1e-11, t


def test_a_step_with_the_other_variance_or_clipping_is_seen(implementation):
    config, given = DIFFUSIONS["tiny"], arrays(3)
    for fault in ({"variance": "fixed_small"}, {"clip": False}):
        faulty = dataclasses.replace(config, **fault)
        x = ancestral_step(implementation, faulty, 50, *given)
        assert error(x, closed_form_step(config, 50, *given)) > 1e-4


def test_no_noise_enters_the_last_step(implementation):
    x_t, predicted, noise, other = arrays(4)
    for config in (DiffusionConfig(), DiffusionConfig(variance="fixed_small")):
        one, two = (
            ancestral_step(implementation, config, 0, x_t, predicted, n) for n in (noise, other)
        )
        np.testing.assert_array_equal(one, two)
        process = implementation.diffusion.GaussianDiffusion(config)
        first = implementation.tensor(np.zeros(SHAPE[0], np.int64))
        mean = process.p_mean(implementation.tensor(x_t), first, implementation.tensor(predicted))
        np.testing.assert_array_equal(one, implementation.numpy(mean))


def step_of(implementation, sampler, position, x_t, predicted, noise):
    """One step of a sampler, and the timesteps at which it asks for the noise."""
    asked = []

    def model(x, timestep):
        asked.extend(implementation.numpy(timestep).tolist())
        return implementation.tensor(predicted)

    x = sampler.step(model, implementation.tensor(x_t), position, implementation.tensor(noise))
    return implementation.numpy(x), asked


def test_by_default_a_sampler_visits_all_timesteps_by_the_processs_own_tables(implementation):
    process = implementation.diffusion.GaussianDiffusion(DiffusionConfig(**SOME))
    sampler = implementation.samplers.make_sampler(process, SampleConfig())
    assert list(sampler.timesteps) == list(range(10))
    assert sampler.diffusion is process


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
@pytest.mark.parametrize("steps", [None, 4, 1])
def test_a_sampler_steps_by_the_closed_form_over_its_timesteps(
    implementation, steps, variance, clip
):
    config = DiffusionConfig(**SOME, variance=variance, clip=clip)
    process = implementation.diffusion.GaussianDiffusion(config)
    sampler = implementation.samplers.make_sampler(process, SampleConfig(steps=steps))
    visited = {None: tuple(range(10)), 4: (0, 3, 6, 9), 1: (9,)}[steps]
    assert tuple(sampler.timesteps) == visited
    given = arrays(3)
    for position, timestep in enumerate(visited):
        x, asked = step_of(implementation, sampler, position, *given)
        assert asked == [timestep] * SHAPE[0]
        assert error(x, closed_form_step(config, position, *given, visited)) < 1e-11, position


def towards(implementation):
    """A toy sampler: half the way from x_t to the predicted x_0; the noise is not used."""

    class Towards(implementation.samplers.Sampler):
        def step(self, model, x_t, position, noise):
            predicted = self.predict_noise(model, x_t, position)
            timestep = implementation.samplers.full(position, x_t)
            return (x_t + self.diffusion.predict_x0(x_t, timestep, predicted)) / 2

    return Towards


@pytest.mark.parametrize("steps", [None, 4])
def test_another_sampler_is_one_class_and_one_name(implementation, steps, monkeypatch):
    monkeypatch.setattr(under_test, "SAMPLERS", (*SAMPLERS, "towards"))
    monkeypatch.setitem(implementation.samplers.CLASSES, "towards", towards(implementation))
    config = DiffusionConfig(**SOME)
    process = implementation.diffusion.GaussianDiffusion(config)
    chosen = SampleConfig(sampler="towards", steps=steps)
    sampler = implementation.samplers.make_sampler(process, chosen)
    x_t, predicted, noise = arrays(3)
    for position, timestep in enumerate(sampler.timesteps):
        x, asked = step_of(implementation, sampler, position, x_t, predicted, noise)
        assert asked == [timestep] * SHAPE[0]
        bar = oracles.schedule(config)["alpha_bar"][timestep]
        x_0 = (x_t - np.sqrt(1 - bar) * predicted) / np.sqrt(bar)
        assert error(x, (x_t + x_0) / 2) < 1e-12


def test_every_sampler_that_can_be_configured_is_there(implementation):
    assert tuple(implementation.samplers.CLASSES) == SAMPLERS
