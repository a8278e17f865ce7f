"""Faults for drawn configurations alone: they hold at any size, and mostly differ by one percent.

Drawn configurations also get the faults of `audit.mutants` that are visible in them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from audit import case
from audit.case import BOTH, UNREPORTED, Mutant
from audit.correct_pairs import LINEAR, SAMPLING, TIME, TRAINING, UNET
from audit.edits import concatenate, replace_call, wrap_call
from audit.mutants.schedule import filled_from

DRAWN_ONLY: list[Mutant] = []
_mutant = partial(case.mutant, into=DRAWN_ONLY)


@_mutant(UNET, BOTH, None, "forward", UNREPORTED, kind="convolution")
def skip_comes_first(unet: Any) -> None:
    """The skip connection before the state and not after it, in one block on the way up."""
    width = unet.config.level_channels[-1]
    wrap_call(
        unet.up[0].resnets[0],
        lambda call: lambda x, time: call(concatenate([x[:, width:], x[:, :width]], 1), time),
    )


@_mutant(TIME, BOTH, None, "forward", UNREPORTED, kind="loading")
def square_weight_transposed(module: Any) -> None:
    """The square weight of the timestep's second layer used without transposing it."""
    layer = module.linear2
    replace_call(layer, lambda x: x @ layer.weight + layer.bias)


@_mutant(TRAINING, BOTH, None, "optimizer", UNREPORTED, kind="optimizer")
def rate_too_large(stepper: Any) -> None:
    """A learning rate one percent too large."""
    optimizer = stepper.trainer.optimizer
    update = optimizer.update
    optimizer.update = lambda loss, lr, clip: update(loss, lr * 1.01, clip)


@_mutant(TRAINING, BOTH, None, "optimizer", UNREPORTED, kind="ema")
def average_too_slow(stepper: Any) -> None:
    """The average's share of new weights one percent too small."""
    average = stepper.trainer.ema
    average.decay = 1 - 0.99 * (1 - average.decay)


@_mutant(LINEAR, BOTH, None, "schedule", UNREPORTED, kind="schedule")
def betas_too_small(schedule: Any) -> Any:
    """Betas one percent too small, and all tables with them."""
    return filled_from(schedule, schedule.beta * 0.99)


@_mutant(
    SAMPLING, BOTH, None, "sampling", UNREPORTED, kind="diffusion",
    visible=lambda c: c.has_many_timesteps,
)  # fmt: skip
def spread_too_large(stepper: Any) -> None:
    """The reverse process's noise one percent too strong."""
    schedule = stepper.diffusion.schedule
    schedule.sigma = schedule.sigma * 1.01
