"""Faults of samplers of few steps: noise and clipping, strides, ends, orders."""

from __future__ import annotations

from typing import Any

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import DDIM, DPM_SOLVER, HEUN

END = "diffusers' set_alpha_to_one=False: the last step ends at the first timestep"
SPACING = "Lin et al. 2024, table 2: three spacings, two of which miss the last timestep"


@mutant(DDIM, BOTH, "", "sampling", UNREPORTED)
def stale_noise_after_clipping(stepper: Any) -> None:
    """The network's noise beside an x_0 that was clipped."""
    sampler = stepper.sampler
    predict = sampler.predict
    sampler.predict = lambda model, x, i: (
        predict(model, x, i)[0],
        sampler.predict_noise(model, x, i),
    )


@mutant(DDIM, BOTH, "", "sampling", UNREPORTED)
def spread_of_the_whole_chain(stepper: Any) -> None:
    """Fresh noise as strong as for all timesteps, where some are left out."""
    sampler, config = stepper.sampler, stepper.config
    complete = type(sampler.diffusion.schedule)(config.diffusion)
    every = type(sampler.tables)(complete, config.sample.eta).sigma
    sampler.tables.sigma = every[list(sampler.timesteps)]


@mutant(DDIM, BOTH, "", "sampling", END)
def end_at_the_first_timestep(stepper: Any) -> None:
    """The last step ends at the first timestep's variance and not at none."""
    sampler = stepper.sampler
    schedule = sampler.diffusion.schedule
    sampler.tables.signal[0] = schedule.sqrt_alpha_bar[0]
    sampler.tables.direction[0] = schedule.sqrt_one_minus_alpha_bar[0]


@mutant(DDIM, BOTH, "", "sampling", UNREPORTED)
def noise_at_the_last_step(stepper: Any) -> None:
    """Fresh noise in the last step too."""
    sampler = stepper.sampler
    sampler.tables.sigma[0] = sampler.tables.sigma[1]
    step, tensor = sampler.step, stepper.trainer.tensor
    sampler.step = lambda model, x, i, noise: step(
        model, x, i, noise if i > 0 else tensor(stepper._draw(0))
    )


@mutant(DDIM, BOTH, "", "sampling", SPACING)
def spacing_off_by_one(stepper: Any) -> None:
    """Every visited timestep one too early, in the network and in the tables."""
    sampler, config = stepper.sampler, stepper.config
    sampler.timesteps = tuple(t - 1 for t in sampler.timesteps)
    sampler.diffusion = type(sampler.diffusion)(config.diffusion, sampler.timesteps)
    sampler.tables = type(sampler.tables)(sampler.diffusion.schedule, config.sample.eta)


@mutant(DPM_SOLVER, BOTH, "", "sampling", UNREPORTED)
def ratio_of_steps_inverted(stepper: Any) -> None:
    """The log-SNR's step over the one before it, the wrong way round."""
    tables = stepper.sampler.tables
    tables.extrapolation[1:-1] = 1 / (4 * tables.extrapolation[1:-1])


@mutant(DPM_SOLVER, BOTH, "", "sampling", UNREPORTED)
def always_of_first_order(stepper: Any) -> None:
    """The x_0 of the step before not used."""
    tables = stepper.sampler.tables
    tables.extrapolation = tables.extrapolation * 0


@mutant(HEUN, BOTH, "", "sampling", UNREPORTED)
def second_slope_at_the_first_timestep(stepper: Any) -> None:
    """The network given the timestep of the step's start at its end too."""
    sampler = stepper.sampler
    predict_noise, step = sampler.predict_noise, sampler.step
    start: list[int] = []

    def remembering(model: Any, x: Any, position: int, noise: Any) -> Any:
        start[:] = [position]
        return step(model, x, position, noise)

    sampler.step = remembering
    sampler.predict_noise = lambda model, x, position: predict_noise(model, x, start[0])
