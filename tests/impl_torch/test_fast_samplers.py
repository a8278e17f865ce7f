"""DDIM, DPM-Solver++ and Heun against diffusers' schedulers, and their order of convergence."""

import warnings

import numpy as np
import pytest
import torch

from ddpm.checkpoints.diffusers_folder import scheduler_options
from ddpm.config import DiffusionConfig, SampleConfig
from impl_torch.diffusion import GaussianDiffusion
from impl_torch.samplers import make_sampler
from tests.implementations import oracles
from tests.implementations.oracles import error

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, HeunDiscreteScheduler
    from diffusers.schedulers import scheduling_ddim

SHAPE = (4, 3, 5, 5)
# beta_end keeps alpha_bar at the last step near the paper's.
DIFFUSIONS = {
    "linear": DiffusionConfig(T=100, beta_start=1e-3, beta_end=0.1),
    "cosine": DiffusionConfig(T=100, schedule="cosine"),
}


def draw(seed):
    return torch.from_numpy(oracles.random_arrays({"x": SHAPE}, seed)["x"])


def toy_model(x, timestep):
    """A smooth function of x_t and t, no true noise predictor, whose x_0 is clipped in places."""
    return torch.tanh(x) * 0.9 + 0.1 * torch.cos(timestep.double() / 20)[:, None, None, None]


def chain(config, options, model=toy_model, start=None, noises=None):
    """Return the states after each step, and the timesteps from the last."""
    sampler = make_sampler(GaussianDiffusion(config), options)
    x, states = draw(1) if start is None else start, []
    for position in reversed(range(len(sampler.timesteps))):
        noise = torch.zeros_like(x) if noises is None else noises[position]
        x = sampler.step(model, x, position, noise)
        states.append(x)
    return states, list(reversed(sampler.timesteps))


def options_of(config, *names):
    options = scheduler_options(config)
    return {name: options[name] for name in (*names, "num_train_timesteps", "beta_schedule")} | {
        "beta_start": config.beta_start,
        "beta_end": config.beta_end,
    }


def relative_spread(config, timesteps):
    """Return sqrt(1 - alpha_bar) / sqrt(alpha_bar), diffusers' sigma, with 0 at the end."""
    bar = oracles.schedule(config)["alpha_bar"][timesteps]
    return torch.from_numpy(np.append(np.sqrt((1 - bar) / bar), 0.0))


@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("name", DIFFUSIONS)
@pytest.mark.parametrize("steps", [1, 10, 100])
def test_ddim_is_that_of_diffusers(name, clip, eta, spacing, steps, monkeypatch):
    config = DiffusionConfig(**{**vars(DIFFUSIONS[name]), "clip": clip})
    other = DDIMScheduler(
        **options_of(config, "clip_sample"), timestep_spacing=spacing, set_alpha_to_one=True
    )
    other.alphas_cumprod = torch.from_numpy(oracles.schedule(config)["alpha_bar"])
    other.final_alpha_cumprod = torch.ones((), dtype=torch.float64)
    other.set_timesteps(steps)
    noises = [draw(10 + i) for i in range(steps)]
    options = SampleConfig(sampler="ddim", steps=steps, eta=eta, spacing=spacing)
    states, timesteps = chain(config, options, noises=noises)
    assert timesteps == other.timesteps.tolist()
    x = draw(1)
    for t, state, noise in zip(timesteps, states, reversed(noises), strict=True):
        monkeypatch.setattr(scheduling_ddim, "randn_tensor", lambda *_, z=noise, **__: z)
        predicted = toy_model(x, torch.full((len(x),), t))
        x = other.step(predicted, t, x, eta, use_clipped_model_output=True).prev_sample
        assert error(state.numpy(), x.numpy()) < 1e-9, t


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("name", DIFFUSIONS)
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 20])
def test_dpm_solver_is_that_of_diffusers(name, spacing, steps):
    config = DiffusionConfig(**{**vars(DIFFUSIONS[name]), "clip": False})
    options = SampleConfig(sampler="dpm-solver++", steps=steps, spacing=spacing)
    states, timesteps = chain(config, options)
    other = DPMSolverMultistepScheduler(**options_of(config))
    other.set_timesteps(timesteps=timesteps)
    other.sigmas = relative_spread(config, timesteps)
    x = draw(1)
    for t, state in zip(timesteps, states, strict=True):
        x = other.step(toy_model(x, torch.full((len(x),), t)), t, x).prev_sample.double()
        assert error(state.numpy(), x.numpy()) < 1e-5, t  # it computes in float32


@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("name", DIFFUSIONS)
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_heun_is_that_of_diffusers(name, clip, spacing, steps):
    config = DiffusionConfig(**{**vars(DIFFUSIONS[name]), "clip": clip})
    states, timesteps = chain(config, SampleConfig(sampler="heun", steps=steps, spacing=spacing))
    other = HeunDiscreteScheduler(**options_of(config, "clip_sample"))
    other.set_timesteps(timesteps=timesteps)
    spread = relative_spread(config, timesteps)
    other.sigmas = torch.cat([spread[:1], spread[1:-1].repeat_interleave(2), spread[-1:]])
    x, calls = draw(1) * (1 + spread[0] ** 2).sqrt(), []
    for i, t in enumerate(other.timesteps):
        signal = 1 / (1 + other.sigmas[i] ** 2).sqrt()
        predicted = toy_model(x * signal, torch.full((len(x),), int(t)))
        x = other.step(predicted, t, x).prev_sample
        calls.append(x)
    ends = [*calls[1::2], calls[-1]] if len(timesteps) > 1 else calls
    bar = np.append(oracles.schedule(config)["alpha_bar"][timesteps[1:]], 1.0)
    for state, expected, a in zip(states, ends, bar, strict=True):
        assert error(state.numpy(), np.sqrt(a) * expected.numpy()) < 1e-9
