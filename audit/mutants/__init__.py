"""Injected faults, one file for each class; every function is one fault, as a port may contain it.

Importing this package fills `audit.case.MUTANTS`.
"""

from audit.mutants import (
    activation,
    attention,
    convolution,
    data,
    diffusion,
    ema,
    embedding,
    gradient,
    interpolation,
    loading,
    normalisation,
    numerics,
    optimizer,
    precision,
    random,
    sampler,
    schedule,
    state,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "data",
    "diffusion",
    "ema",
    "embedding",
    "gradient",
    "interpolation",
    "loading",
    "normalisation",
    "numerics",
    "optimizer",
    "precision",
    "random",
    "sampler",
    "schedule",
    "state",
]
