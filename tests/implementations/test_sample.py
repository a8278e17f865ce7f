"""Sampling on both sides: the reverse chain's states, and their independence of batches."""

import dataclasses

import numpy as np
import pytest

from ddpm import config as config_module
from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import SAMPLERS, DiffusionConfig, RunConfig, SampleConfig
from tests.implementations import oracles
from tests.implementations.oracles import SMALL, error

T = 6
CONFIG = RunConfig(unet=SMALL, diffusion=DiffusionConfig(T=T, beta_start=0.01, beta_end=0.3))


def checkpoint(implementation):
    shapes = implementation.shapes(implementation.unet.UNet(SMALL))
    weights, average = (
        {name: a.astype(np.float32) for name, a in oracles.off_zero(shapes, seed).items()}
        for seed in (0, 1)
    )
    return Checkpoint(
        config=CONFIG, framework="torch", dataset="x", epoch=1, step=1, weights=weights, ema=average
    )


def chain(
    implementation,
    samples,
    *,
    dtype="float32",
    seed=3,
    diffusion=CONFIG.diffusion,
    sample=CONFIG.sample,
):
    model = implementation.sample.load_model(checkpoint(implementation), dtype)
    process = implementation.diffusion.GaussianDiffusion(diffusion)
    sampler = implementation.samplers.make_sampler(process, sample)
    return list(implementation.sample.p_sample_loop(model, sampler, samples, seed=seed))


def test_load_model_takes_the_average_or_the_last_weights(implementation):
    stored, load_model = checkpoint(implementation), implementation.sample.load_model
    for averaged, expected in ((True, stored.ema), (False, stored.weights)):
        model = load_model(stored, averaged=averaged)
        for name, parameter in implementation.arrays(model).items():
            np.testing.assert_array_equal(parameter, expected[name])
        dropouts = [m for m in model.modules() if isinstance(m, implementation.unet.Dropout)]
        assert dropouts
        assert not any(map(implementation.is_training, dropouts))
    double = load_model(stored, "float64")
    for name, parameter in double.named_parameters():
        assert implementation.dtype(parameter) == "float64"
        np.testing.assert_array_equal(implementation.numpy(parameter), stored.ema[name])


def test_load_model_keeps_the_digits_of_a_float64_checkpoint(implementation):
    stored = checkpoint(implementation)
    stored.ema = {name: array.astype(np.float64) / 3 for name, array in stored.ema.items()}
    model = implementation.sample.load_model(stored, "float64")
    for name, parameter in implementation.arrays(model).items():
        np.testing.assert_array_equal(parameter, stored.ema[name])


def test_a_checkpoint_of_other_shapes_is_not_loaded(implementation):
    stored = checkpoint(implementation)
    stored.ema["conv_in.bias"] = np.zeros(9, np.float32)
    with pytest.raises(RuntimeError, match="size"):
        implementation.sample.load_model(stored)


def test_a_chain_yields_every_state_from_noise_to_images(implementation):
    states = chain(implementation, [0, 1])
    assert [t for t, _ in states] == list(range(T, -1, -1))
    for _, x in states:
        assert x.shape == (2, 1, 8, 8)
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
    start = streams.sampler_noise([0, 1], (1, 8, 8), seed=3, timestep=T)
    np.testing.assert_array_equal(states[0][1], start)
    assert len({x.tobytes() for _, x in states}) == T + 1, "a state was overwritten"


def test_the_last_state_of_a_clipped_chain_is_an_image(implementation):
    assert np.abs(chain(implementation, [0, 1, 2])[-1][1]).max() <= 1 + 1e-5
    unclipped = dataclasses.replace(CONFIG.diffusion, clip=False)
    assert np.abs(chain(implementation, [0, 1, 2], diffusion=unclipped)[-1][1]).max() > 1.5


@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 2e-5), ("float64", 1e-13)])
def test_an_image_does_not_depend_on_its_batch(implementation, dtype, rounding):
    together = chain(implementation, [0, 1, 2, 3], dtype=dtype)[-1][1]
    for batch in ([2], [3, 1], [1, 2, 3]):
        part = chain(implementation, batch, dtype=dtype)[-1][1]
        assert error(part, together[batch]) < rounding
    assert error(together[[1]], together[[2]]) > 0.1


def predicted_noise(implementation, x, t):
    model = implementation.sample.load_model(checkpoint(implementation), "float64")
    with implementation.no_grad():
        noise = model(implementation.tensor(x), implementation.tensor(np.full(len(x), t)))
    noise = implementation.numpy(noise)
    assert noise.dtype == np.float64
    return noise


@pytest.mark.parametrize("steps", [None, 3], ids=["all", "three"])
def test_each_state_follows_from_the_one_before_by_the_closed_form(implementation, steps):
    sample = SampleConfig(steps=steps)
    visited = {None: (0, 1, 2, 3, 4, 5), 3: (0, 2, 5)}[steps]
    reached = (0, *(t + 1 for t in visited))
    states = dict(chain(implementation, [4, 9], dtype="float64", sample=sample))
    assert list(states) == list(reversed(reached))
    tables = oracles.schedule(CONFIG.diffusion, visited)
    for i, t in enumerate(visited):
        x = states[reached[i + 1]]
        noise = predicted_noise(implementation, x, t)
        bar = tables["alpha_bar"][i]
        x_0 = np.clip((x - np.sqrt(1 - bar) * noise) / np.sqrt(bar), -1, 1)
        mean = tables["posterior_mean_x0"][i] * x_0 + tables["posterior_mean_xt"][i] * x
        draw = streams.sampler_noise([4, 9], (1, 8, 8), seed=3, timestep=t)
        expected = mean + tables["sigma"][i] * draw.astype(np.float64)
        assert error(states[reached[i]], expected) < 1e-12, t


def toy(implementation):
    """A toy sampler: a small step against the predicted noise, and some fresh noise."""

    class Toy(implementation.samplers.Sampler):
        adds_noise = True

        def step(self, model, x_t, position, noise):
            return x_t - self.predict_noise(model, x_t, position) / 8 + noise / 4

    return Toy


@pytest.mark.parametrize("steps", [None, 3], ids=["all", "three"])
def test_another_sampler_runs_the_whole_chain(implementation, steps, monkeypatch):
    monkeypatch.setattr(config_module, "SAMPLERS", (*SAMPLERS, "toy"))
    monkeypatch.setitem(implementation.samplers.CLASSES, "toy", toy(implementation))
    sample = SampleConfig(sampler="toy", steps=steps)
    states = chain(implementation, [4, 9], dtype="float64", sample=sample)
    visited = sample.timesteps(T)
    for (_, x), (_, following), t in zip(states, states[1:], reversed(visited), strict=False):
        noise = streams.sampler_noise([4, 9], (1, 8, 8), seed=3, timestep=t).astype(np.float64)
        fresh = noise / 4 if t != visited[0] else 0
        expected = x - predicted_noise(implementation, x, t) / 8 + fresh
        assert error(following, expected) < 1e-12
    assert len(states) == len(visited) + 1


def test_seeds_give_other_images(implementation):
    one, other = (chain(implementation, [0], seed=seed)[-1][1] for seed in (3, 4))
    assert error(other, one) > 0.1
