"""Faults that hold for either side and any size; all others are moved here from `audit.mutants`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt
import torch

from audit.case import Edit
from audit.mutants.schedule import filled_from

Wrapped = Callable[..., Any]


def change_call(module: Any, change: Callable[[Wrapped], Wrapped]) -> None:
    """Replace what a module of either framework does when it is called."""
    name = "forward" if isinstance(module, torch.nn.Module) else "execute"
    setattr(module, name, change(getattr(module, name)))


def skip_comes_first(unet: Any) -> None:
    """The skip connection before the state and not after it, in one block on the way up."""
    width = unet.config.level_channels[-1]
    concat = torch.cat if isinstance(unet, torch.nn.Module) else jt.concat
    change_call(
        unet.up[0].resnets[0],
        lambda own: lambda x, time: own(concat([x[:, width:], x[:, :width]], 1), time),
    )


def square_weight_transposed(module: Any) -> None:
    """The square weight of the timestep's second layer used without transposing it."""
    layer = module.linear2
    multiply = torch.matmul if isinstance(layer, torch.nn.Module) else jt.nn.matmul
    change_call(layer, lambda own: lambda x: multiply(x, layer.weight) + layer.bias)


def rate_too_large(side: Any) -> None:
    """A learning rate one percent too large."""
    optimizer = side.trainer.optimizer
    own = optimizer.update
    optimizer.update = lambda loss, lr, clip: own(loss, lr * 1.01, clip)


def average_too_slow(side: Any) -> None:
    """The average's share of new weights one percent too small."""
    average = side.trainer.ema
    average.decay = 1 - 0.99 * (1 - average.decay)


def betas_too_small(schedule: Any) -> Any:
    """Betas one percent too small, and all tables with them."""
    return filled_from(schedule, schedule.beta * 0.99)


def spread_too_large(side: Any) -> None:
    """The reverse process's noise one percent too strong."""
    schedule = side.diffusion.schedule
    schedule.sigma = schedule.sigma * 1.01


# subject, class of module, class of fault, what plants it
ANYWHERE: tuple[tuple[str, str, str, Edit], ...] = (
    ("network", "UNet", "convolution", skip_comes_first),
    ("network", "TimeEmbedding", "loading", square_weight_transposed),
    ("training", "", "optimizer", rate_too_large),
    ("training", "", "ema", average_too_slow),
    ("schedule", "", "schedule", betas_too_small),
    ("sampling", "", "diffusion", spread_too_large),
)
