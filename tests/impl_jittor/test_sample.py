"""Sampling: the reverse chain's states, and its independence of batches."""

import dataclasses

import jittor as jt
import numpy as np
import pytest

from ddpm import streams
from ddpm.checkpoint import Checkpoint
from ddpm.config import DiffusionConfig, RunConfig
from impl_jittor.diffusion import GaussianDiffusion
from impl_jittor.sample import load_model, p_sample_loop
from impl_jittor.unet import Dropout, UNet
from tests.impl_torch import oracles
from tests.impl_torch.oracles import SMALL, error

T = 6
CONFIG = RunConfig(unet=SMALL, diffusion=DiffusionConfig(T=T, beta_start=0.01, beta_end=0.3))


def checkpoint():
    shapes = {name: tuple(p.shape) for name, p in UNet(SMALL).named_parameters()}
    weights, average = (
        {name: a.astype(np.float32) for name, a in oracles.off_zero(shapes, seed).items()}
        for seed in (0, 1)
    )
    return Checkpoint(
        config=CONFIG, framework="torch", dataset="x", epoch=1, step=1, weights=weights, ema=average
    )


def chain(samples, *, dtype="float32", seed=3, diffusion=CONFIG.diffusion):
    model = load_model(checkpoint(), dtype)
    return list(p_sample_loop(model, GaussianDiffusion(diffusion), samples, seed=seed))


def test_load_model_takes_the_average_or_the_last_weights():
    taken = checkpoint()
    for averaged, expected in ((True, taken.ema), (False, taken.weights)):
        model = load_model(taken, averaged=averaged)
        for name, parameter in model.named_parameters():
            np.testing.assert_array_equal(parameter.numpy(), expected[name])
        assert not any(m.is_training() for m in model.modules() if isinstance(m, Dropout))
    wide = load_model(taken, "float64")
    for name, parameter in wide.named_parameters():
        assert str(parameter.dtype) == "float64"
        np.testing.assert_array_equal(parameter.numpy(), taken.ema[name])


def test_load_model_keeps_the_digits_of_a_float64_checkpoint():
    taken = checkpoint()
    taken.ema = {name: array.astype(np.float64) / 3 for name, array in taken.ema.items()}
    for name, parameter in load_model(taken, "float64").named_parameters():
        np.testing.assert_array_equal(parameter.numpy(), taken.ema[name])


def test_a_checkpoint_of_other_shapes_is_not_loaded():
    taken = checkpoint()
    taken.ema["conv_in.bias"] = np.zeros(9, np.float32)
    with pytest.raises(RuntimeError, match="size"):
        load_model(taken)


def test_a_chain_yields_every_state_from_noise_to_images():
    states = chain([0, 1])
    assert [t for t, _ in states] == list(range(T, -1, -1))
    for _, x in states:
        assert x.shape == (2, 1, 8, 8)
        assert x.dtype == np.float32
        assert np.isfinite(x).all()
    start = streams.sampler_noise([0, 1], (1, 8, 8), seed=3, timestep=T)
    np.testing.assert_array_equal(states[0][1], start)
    assert len({x.tobytes() for _, x in states}) == T + 1, "a state was overwritten"


def test_the_last_state_of_a_clipped_chain_is_an_image():
    assert np.abs(chain([0, 1, 2])[-1][1]).max() <= 1 + 1e-5
    wild = dataclasses.replace(CONFIG.diffusion, clip=False)
    assert np.abs(chain([0, 1, 2], diffusion=wild)[-1][1]).max() > 1.5


@pytest.mark.parametrize(("dtype", "rounding"), [("float32", 2e-5), ("float64", 1e-13)])
def test_an_image_does_not_depend_on_its_batch(dtype, rounding):
    whole = chain([0, 1, 2, 3], dtype=dtype)[-1][1]
    for batch in ([2], [3, 1], [1, 2, 3]):
        part = chain(batch, dtype=dtype)[-1][1]
        assert error(part, whole[batch]) < rounding
    assert error(whole[[1]], whole[[2]]) > 0.1


def test_each_state_follows_from_the_one_before_by_the_closed_form():
    states = dict(chain([4, 9], dtype="float64"))
    tables, model = oracles.schedule(CONFIG.diffusion), load_model(checkpoint(), "float64")
    for t in range(T):
        x = states[t + 1]
        with jt.no_grad():
            noise = model(jt.array64(x), jt.array(np.full(2, t))).numpy()
        assert noise.dtype == np.float64
        bar = tables["alpha_bar"][t]
        x_0 = np.clip((x - np.sqrt(1 - bar) * noise) / np.sqrt(bar), -1, 1)
        mean = tables["posterior_mean_x0"][t] * x_0 + tables["posterior_mean_xt"][t] * x
        draw = streams.sampler_noise([4, 9], (1, 8, 8), seed=3, timestep=t)
        assert error(states[t], mean + tables["sigma"][t] * draw.astype(np.float64)) < 1e-12, t


def test_seeds_give_other_images():
    assert error(chain([0], seed=4)[-1][1], chain([0])[-1][1]) > 0.1
