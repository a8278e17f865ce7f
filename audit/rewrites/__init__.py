"""Benign rewrites, one file for each part that is rewritten: the same function in other words.

Importing this package fills `audit.case.REWRITES`.
"""

from audit.rewrites import (
    activation,
    attention,
    convolution,
    layout,
    linear,
    normalisation,
    training,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "layout",
    "linear",
    "normalisation",
    "training",
]
