"""Rewrites that leave the same function, one file for each part that is rewritten.

Importing this package fills `audit.case.REWRITES`.
"""

from audit.rewrites import (
    activation,
    attention,
    convolution,
    layout,
    linear,
    normalisation,
    sampler,
    training,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "layout",
    "linear",
    "normalisation",
    "sampler",
    "training",
]
