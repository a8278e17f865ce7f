"""Samplers: how x_{t-1} follows from x_t and the noise that the network predicts.

Each is one class, entered in `CLASSES` by its name in `ddpm.config.SAMPLERS`.
"""

from __future__ import annotations

import jittor as jt
import numpy as np
from jittor import Var

from ddpm.config import SampleConfig
from impl_jittor.diffusion import GaussianDiffusion, NoisePredictor
from impl_jittor.schedule import SamplerTables, extract


class Sampler:
    """The timesteps that a sampler visits, S of the T training timesteps, and its step.

    Attributes:
        timesteps: the visited ones, ascending.
        diffusion: the process over them, whose tables have a row for each.
        adds_noise: whether steps use fresh noise.
    """

    adds_noise = False

    def __init__(self, diffusion: GaussianDiffusion, config: SampleConfig) -> None:
        self.timesteps = config.timesteps(diffusion.config.T)
        self.diffusion = diffusion
        if len(self.timesteps) < diffusion.config.T:
            self.diffusion = GaussianDiffusion(diffusion.config, self.timesteps)

    def step(self, model: NoisePredictor, x_t: Var, position: int, noise: Var) -> Var:
        """Go from the timestep at a position, S-1 … 0, to the one before; from 0 to the images.

        Args:
            model: predicts the noise in x_t.
            x_t: (N, C, H, W).
            position: among the visited timesteps.
            noise: drawn from N(0, I), (N, C, H, W); not added at position 0.
        """
        raise NotImplementedError

    def predict_noise(self, model: NoisePredictor, x_t: Var, position: int) -> Var:
        """Return the noise in x_t as the network predicts it at a position's timestep."""
        return model(x_t, full(self.timesteps[position], x_t))


class DDPM(Sampler):
    """Ancestral sampling: x_{t-1} is drawn from p_theta(x_{t-1} | x_t) (Ho et al. 2020)."""

    adds_noise = True

    def step(self, model: NoisePredictor, x_t: Var, position: int, noise: Var) -> Var:
        """Take the step of algorithm 2, line 4."""
        predicted, timestep = self.predict_noise(model, x_t, position), full(position, x_t)
        sigma = extract(self.diffusion.schedule.sigma, timestep, x_t)
        return self.diffusion.p_mean(x_t, timestep, predicted) + sigma * noise


class DDIM(Sampler):
    """The non-Markovian process of Song et al. 2021; without noise where eta is 0.

    Attributes:
        tables: the coefficients of a step, a row for each visited timestep.
    """

    def __init__(self, diffusion: GaussianDiffusion, config: SampleConfig) -> None:
        super().__init__(diffusion, config)
        self.tables = SamplerTables(self.diffusion.schedule, config.eta or 0.0)
        self.adds_noise = bool(config.eta)

    def step(self, model: NoisePredictor, x_t: Var, position: int, noise: Var) -> Var:
        """Take the step of eq. 12."""
        x_0, epsilon = self.predict(model, x_t, position)
        sigma = extract(self.tables.sigma, full(position, x_t), x_t)
        return self.combine(x_0, epsilon, position) + sigma * noise

    def predict(self, model: NoisePredictor, x_t: Var, position: int) -> tuple[Var, Var]:
        """Return the predicted x_0, clipped if so configured, and the noise that it implies.

        Where clipping changes x_0, the network's noise no longer belongs to it.
        """
        predicted, timestep = self.predict_noise(model, x_t, position), full(position, x_t)
        x_0 = self.diffusion.p_x0(x_t, timestep, predicted)
        return x_0, self.diffusion.implied_noise(x_t, timestep, x_0)

    def combine(self, x_0: Var, epsilon: Var, position: int) -> Var:
        """Return x_{t-1} for an x_0 and a noise, before fresh noise (eq. 12)."""
        signal = extract(self.tables.signal, full(position, x_0), x_0)
        direction = extract(self.tables.direction, full(position, x_0), x_0)
        return signal * x_0 + direction * epsilon


class DPMSolver(DDIM):
    """DPM-Solver++(2M), without noise (Lu et al. 2022, algorithm 2).

    Its formula of first order is DDIM's step. That of second order puts in the place of x_0 a line
    through the last two x_0, over half of the log-SNR. The first step has no earlier x_0, and the
    last, to a log-SNR that is infinite, would not stay finite: both are of first order.

    Attributes:
        earlier: the x_0 that the step before predicted; unused by the first step of a chain.
    """

    earlier: Var

    def step(self, model: NoisePredictor, x_t: Var, position: int, noise: Var) -> Var:
        """Take the step of algorithm 2, lines 6 to 9; the noise is not used."""
        x_0, _ = self.predict(model, x_t, position)
        timestep, line = full(position, x_t), x_0
        if 0 < position < len(self.timesteps) - 1:
            weight = extract(self.tables.extrapolation, timestep, x_t)
            line = x_0 + weight * (x_0 - self.earlier)
        self.earlier = x_0
        return self.combine(line, self.diffusion.implied_noise(x_t, timestep, line), position)


class Heun(DDIM):
    """Heun's method on the probability-flow ODE, without noise (Karras et al. 2022, algorithm 1).

    In its variables, x_t / sqrt(alpha_bar) and the noise's spread relative to the signal, the ODE's
    slope is the noise, and Euler's step is that of DDIM.
    """

    def step(self, model: NoisePredictor, x_t: Var, position: int, noise: Var) -> Var:
        """Take Euler's step, then one by the mean of the slopes at both ends; no noise is used."""
        x_0, epsilon = self.predict(model, x_t, position)
        euler = self.combine(x_0, epsilon, position)
        if position == 0:
            return euler  # the other end has no noise to predict
        _, slope = self.predict(model, euler, position - 1)
        mean = (epsilon + slope) / 2
        x_0 = self.diffusion.predict_x0(x_t, full(position, x_t), mean)
        return self.combine(x_0, mean, position)


CLASSES: dict[str, type[Sampler]] = {
    "ddpm": DDPM,
    "ddim": DDIM,
    "dpm-solver++": DPMSolver,
    "heun": Heun,
}


def make_sampler(diffusion: GaussianDiffusion, config: SampleConfig) -> Sampler:
    """Return the configured sampler."""
    return CLASSES[config.sampler](diffusion, config)


def full(value: int, like: Var) -> Var:
    """Return one integer for each image of `like`, int64 (N,)."""
    return jt.array(np.full((len(like),), value, np.int64))
