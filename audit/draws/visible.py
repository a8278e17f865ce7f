"""Which mutants change the function of which configurations.

A fault that leaves the same function is none: a mirrored kernel on images of one pixel, a larger
beta_2 where that is what is configured. What is decided here is arithmetic, not what the gate sees.
"""

from __future__ import annotations

from collections.abc import Callable

from audit.draws.configuration import Configuration

Condition = Callable[[Configuration], bool]


def _never(c: Configuration) -> bool:
    return False


def _wide(c: Configuration) -> bool:
    """Images of more than one pixel at every level, groups of more than one number."""
    return c.smallest_image > 1


def _drops(c: Configuration) -> bool:
    return c.run.unet.dropout >= 0.1 and _wide(c)


def _warms_up(c: Configuration) -> bool:
    return c.run.train.warmup_steps > 0


def _clips(c: Configuration) -> bool:
    """Gradients of these networks have norms above a hundredth."""
    return c.run.train.clip_norm < 0.01


def _late(c: Configuration) -> bool:
    """Enough timesteps that a batch is not made of t = 0 alone."""
    return c.run.diffusion.T > 12


# By class, unless the fault has a condition of its own; spatial faults need pixels beside pixels.
BY_CLASS: dict[str, Condition] = {
    "attention": _wide,
    "convolution": _wide,
    "interpolation": _wide,
    "normalisation": _wide,
    "data": lambda c: c.run.unet.image_size > 1,
    "diffusion": _late,
    "embedding": lambda c: c.run.diffusion.T > 1,
    "schedule": lambda c: _late(c) and c.run.diffusion.schedule == "linear",
}
BY_NAME: dict[tuple[str, str], Condition] = {
    # Written for the numbers of their own base.
    ("convolution", "padded all around"): _never,
    ("diffusion", "x t of the next step"): _never,
    ("normalisation", "one group for each channel"): _never,
    ("schedule", "endpoint left out"): _never,
    ("schedule", "endpoint left out in jittor"): _never,
    ("schedule", "tables in float32"): _never,
    ("schedule", "scaled linear"): _never,
    ("schedule", "other variance"): _never,
    # The same function on all that a probe reaches.
    ("numerics", "clamped at 65504"): _never,
    ("numerics", "clamped at 65504 in jittor"): _never,
    ("convolution", "skip comes first"): lambda c: True,
    ("schedule", "betas too small"): lambda c: True,
    # What they put in the place of the right number is here the right number.
    ("normalisation", "epsilon left at pytorchs default"): (
        lambda c: _wide(c) and c.run.unet.norm_epsilon != 1e-5
    ),
    ("normalisation", "epsilon left at jittors default"): (
        lambda c: _wide(c) and c.run.unet.norm_epsilon != 1e-5
    ),
    ("normalisation", "epsilon of one attention"): (
        lambda c: _wide(c) and c.structure.attends[-1] and c.run.unet.norm_epsilon != 1e-5
    ),
    ("normalisation", "other number of groups"): (
        lambda c: _wide(c) and c.run.unet.norm_groups != 2
    ),
    ("optimizer", "beta1 of gans"): lambda c: c.run.train.betas[0] != 0.5,
    ("optimizer", "beta2 too small"): lambda c: c.run.train.betas[0] != 0.9,
    ("optimizer", "warm up off by one"): _warms_up,
    ("optimizer", "warm up off by one in jittor"): _warms_up,
    ("optimizer", "clipped by value"): _clips,
    ("optimizer", "clipped harder"): _clips,
    ("ema", "decay warmed up"): lambda c: c.run.train.ema_decay > 0.2,
    ("ema", "decay and its complement exchanged"): lambda c: c.run.train.ema_decay != 0.5,
    ("ema", "bias corrected"): lambda c: c.run.train.ema_decay > 0,
    ("gradient", "summed over pixels"): lambda c: c.run.unet.image_size > 1,
    ("random", "mask reused"): _drops,
    ("random", "mask reused in jittor"): _drops,
    ("state", "not dropping when training"): lambda c: _drops(c) and c.training,
    ("precision", "phase in float32"): lambda c: c.run.diffusion.T > 1,
    ("precision", "phase in float32 in jittor"): lambda c: c.run.diffusion.T > 1,
    ("diffusion", "no clipping"): lambda c: _late(c) and c.run.diffusion.clip,
    ("diffusion", "other variance"): (
        lambda c: _late(c) and c.run.diffusion.variance == "fixed_small"
    ),
}


def is_visible(kind: str, name: str, configuration: Configuration) -> bool:
    """Tell whether a fault makes another function of this configuration."""
    by_class = BY_CLASS.get(kind, lambda c: True)
    return BY_NAME.get((kind, name), by_class)(configuration)
