"""DDIM, DPM-Solver++ and Heun on both sides: closed forms, order of convergence, noise."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

from ddpm.config import DiffusionConfig, SampleConfig
from tests.implementations import oracles
from tests.implementations.oracles import error

SHAPE = (4, 3, 5, 5)
CONFIG = DiffusionConfig(T=100, beta_start=1e-3, beta_end=0.1)
UNCLIPPED = dataclasses.replace(CONFIG, clip=False)
MEAN, DEVIATION = 0.3, 0.5  # of the Gaussian data
pytestmark = pytest.mark.usefixtures("exact_arrays")


def arrays(count):
    return list(oracles.random_arrays({str(i): SHAPE for i in range(count)}, seed=1).values())


def make(implementation, config, **options):
    process = implementation.diffusion.GaussianDiffusion(config)
    return implementation.samplers.make_sampler(process, SampleConfig(**options))


def step(implementation, sampler, position, x_t, predicted, noise):
    """One step; `predicted` holds the network's noise by timestep."""

    def model(x, timestep):
        (t,) = set(implementation.numpy(timestep).tolist())
        return implementation.tensor(predicted[t])

    tensor = implementation.tensor
    x = sampler.step(model, tensor(x_t), position, tensor(noise))
    assert implementation.dtype(x) == "float64"
    return implementation.numpy(x)


def rows(config, visited):
    """Return alpha_bar of the visited timesteps, and that of the one before each."""
    bar = oracles.schedule(config)["alpha_bar"][list(visited)]
    return bar, np.append(1.0, bar[:-1])


def x_0_and_noise(config, x, a, predicted):
    """Return the clipped x_0, and the noise that belongs to it."""
    x_0 = (x - np.sqrt(1 - a) * predicted) / np.sqrt(a)
    x_0 = np.clip(x_0, -1, 1) if config.clip else x_0
    return x_0, (x - np.sqrt(a) * x_0) / np.sqrt(1 - a)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
def test_ddims_step_is_equation_12(implementation, spacing, eta, clip):
    config = dataclasses.replace(CONFIG, clip=clip)
    sampler = make(implementation, config, sampler="ddim", steps=7, eta=eta, spacing=spacing)
    visited = sampler.timesteps
    bar, before = rows(config, visited)
    x_t, predicted, noise = arrays(3)
    for i, t in enumerate(visited):
        a, p = bar[i], before[i]
        x_0, epsilon = x_0_and_noise(config, x_t, a, predicted)
        sigma = eta * math.sqrt((1 - p) / (1 - a)) * math.sqrt(1 - a / p)
        expected = np.sqrt(p) * x_0 + math.sqrt(1 - p - sigma**2) * epsilon + sigma * noise
        x = step(implementation, sampler, i, x_t, {t: predicted}, noise)
        assert error(x, expected) < 1e-12, t
    assert sampler.adds_noise == (eta > 0)


def test_the_networks_noise_and_the_one_after_clipping_differ(implementation):
    """The fault that the last test excludes: clipped x_0 beside a noise that it does not imply."""
    sampler = make(implementation, CONFIG, sampler="ddim", steps=7)
    i, (x_t, predicted, noise) = 4, arrays(3)
    bar, before = rows(CONFIG, sampler.timesteps)
    x_0, _ = x_0_and_noise(CONFIG, x_t, bar[i], predicted)
    stale = np.sqrt(before[i]) * x_0 + np.sqrt(1 - before[i]) * predicted
    x = step(implementation, sampler, i, x_t, {sampler.timesteps[i]: predicted}, noise)
    assert error(x, stale) > 0.1


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("steps", [None, 7])
def test_ddim_with_eta_1_is_the_ancestral_chain(implementation, steps, clip):
    config = dataclasses.replace(CONFIG, variance="fixed_small", clip=clip)
    ddim = make(implementation, config, sampler="ddim", steps=steps, eta=1.0)
    ddpm = make(implementation, config, sampler="ddpm", steps=steps)
    sigma = implementation.numpy(ddpm.diffusion.schedule.sigma)
    np.testing.assert_allclose(implementation.numpy(ddim.tables.sigma), sigma, rtol=1e-12)
    x_t, predicted, noise = arrays(3)
    for i in {0, 1, 3, len(ddim.timesteps) - 1}:
        given = (i, x_t, {ddim.timesteps[i]: predicted}, noise)
        x = step(implementation, ddim, *given)
        assert error(x, step(implementation, ddpm, *given)) < 1e-11, i


@pytest.mark.parametrize("clip", [True, False])
def test_dpm_solvers_steps_are_those_of_algorithm_2(implementation, clip):
    config = dataclasses.replace(CONFIG, clip=clip)
    sampler = make(implementation, config, sampler="dpm-solver++", steps=5, spacing="trailing")
    bar, before = rows(config, sampler.timesteps)
    snr = np.log(bar / (1 - bar)) / 2
    x, earlier = arrays(1)[0], None
    for i, predicted in zip(reversed(range(5)), arrays(6)[1:], strict=True):
        x_0, _ = x_0_and_noise(config, x, bar[i], predicted)
        line, end = x_0, i in (0, 4)
        if not end:
            r = (snr[i] - snr[i + 1]) / (snr[i - 1] - snr[i])
            line = (1 + 1 / (2 * r)) * x_0 - 1 / (2 * r) * earlier
        falls = math.exp(snr[i] - snr[i - 1]) if i > 0 else 0.0
        ratio = math.sqrt((1 - before[i]) / (1 - bar[i]))
        expected = ratio * x - math.sqrt(before[i]) * (falls - 1) * line
        x = step(implementation, sampler, i, x, {sampler.timesteps[i]: predicted}, x)
        assert error(x, expected) < 1e-11, i
        x, earlier = expected, x_0


@pytest.mark.parametrize("clip", [True, False])
def test_heuns_steps_are_those_of_algorithm_1(implementation, clip):
    config = dataclasses.replace(CONFIG, clip=clip)
    sampler = make(implementation, config, sampler="heun", steps=5, spacing="trailing")
    bar, before = rows(config, sampler.timesteps)
    x_t, predicted, other = arrays(3)
    for i, t in enumerate(sampler.timesteps):
        scaled, spread = x_t / np.sqrt(bar[i]), np.sqrt((1 - bar[i]) / bar[i])
        following = np.sqrt((1 - before[i]) / before[i])
        _, slope = x_0_and_noise(config, x_t, bar[i], predicted)
        end = scaled + (following - spread) * slope
        given = {t: predicted}
        if i > 0:
            _, second = x_0_and_noise(config, end * np.sqrt(before[i]), before[i], other)
            end = scaled + (following - spread) * (slope + second) / 2
            given[sampler.timesteps[i - 1]] = other
        x = step(implementation, sampler, i, x_t, given, x_t)
        assert error(x, end * np.sqrt(before[i])) < 1e-11, t


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++", "heun"])
def test_no_noise_enters_a_sampler_that_adds_none(implementation, sampler):
    x_t, predicted, noise, other = arrays(4)
    made = make(implementation, CONFIG, sampler=sampler, steps=4)
    assert not made.adds_noise
    given = dict.fromkeys(made.timesteps, predicted)
    for i in reversed(range(4)):
        one = step(implementation, made, i, x_t, given, noise)
        made_again = make(implementation, CONFIG, sampler=sampler, steps=4)
        for j in range(3, i - 1, -1):
            two = step(implementation, made_again, j, x_t, given, other)
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_no_noise_enters_ddims_last_step(implementation, eta):
    x_t, predicted, noise, other = arrays(4)
    sampler = make(implementation, CONFIG, sampler="ddim", steps=4, eta=eta)
    given = dict.fromkeys(sampler.timesteps, predicted)
    one, two = (step(implementation, sampler, 0, x_t, given, n) for n in (noise, other))
    np.testing.assert_array_equal(one, two)
    one, two = (step(implementation, sampler, 1, x_t, given, n) for n in (noise, other))
    assert error(one, two) > 1e-2


def gaussian_noise(implementation, config):
    """Return the best prediction of the noise, where the data are N(MEAN, DEVIATION^2)."""
    bar = oracles.schedule(config)["alpha_bar"]

    def model(x, timestep):
        a = bar[int(implementation.numpy(timestep)[0])]
        weight = math.sqrt(1 - a) / (a * DEVIATION**2 + 1 - a)
        mean = implementation.tensor(np.full(x.shape, math.sqrt(a) * MEAN))
        return implementation.tensor(np.full(x.shape, weight)) * (x - mean)

    return model


def half_way_errors(implementation, name, edit=None):
    """Return the errors at timestep T / 2 - 1 of twice as many steps each time.

    The ODE keeps the number of standard deviations between x_t and its mean.
    """
    config = DiffusionConfig(T=960, clip=False)
    half, bar = 479, oracles.schedule(config)["alpha_bar"]
    standard = np.linspace(-2, 2, 12).reshape(3, 1, 2, 2)

    def exact(t):
        spread = math.sqrt(bar[t] * DEVIATION**2 + 1 - bar[t])
        return math.sqrt(bar[t]) * MEAN + spread * standard

    errors = []
    for steps in (20, 40, 80, 160):
        sampler = make(implementation, config, sampler=name, steps=steps, spacing="trailing")
        if edit is not None:
            edit(sampler)
        model = gaussian_noise(implementation, config)
        x, none = map(implementation.tensor, (exact(959), np.zeros(standard.shape)))
        for i in range(steps - 1, sampler.timesteps.index(half), -1):
            x = sampler.step(model, x, i, none)
        errors.append(error(implementation.numpy(x), exact(half)))
    return errors


def orders(errors):
    return [math.log2(coarse / fine) for coarse, fine in itertools.pairwise(errors)]


@pytest.mark.parametrize(("name", "order"), [("ddim", 1), ("dpm-solver++", 2), ("heun", 2)])
def test_a_solver_converges_at_its_order(implementation, name, order):
    found = orders(half_way_errors(implementation, name))
    assert abs(found[-1] - order) < 0.15, found


def test_a_solver_whose_second_order_is_lost_is_seen(implementation):
    def first_order_only(sampler):
        sampler.tables.extrapolation = sampler.tables.extrapolation * 0

    found = orders(half_way_errors(implementation, "dpm-solver++", first_order_only))
    assert abs(found[-1] - 1) < 0.15, found
