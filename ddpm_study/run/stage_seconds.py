"""Rough durations of the stages, from the measured speed of a forward pass."""

from __future__ import annotations

import math

from ddpm_study.run.stage import Context
from ddpm_study.run.time_estimate import TimeEstimate

# Measured on two cores, in forward passes of the same batch: a training step, alike in Jittor and
# PyTorch; a pass in float64, where Jittor has no fast convolution; a comparison layer by layer.
TRAINING, FLOAT64, COMPARISON = 3.3, 12.0, 60.0
START = 5.0  # seconds to build the models of a stage


def comparison(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of a comparison layer by layer."""
    return START + COMPARISON * speed.passes(1, 2) * FLOAT64


def training(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of one training."""
    options = context.config.train
    steps = len(context.images) // options.batch_size * options.epochs
    return START + TRAINING * speed.passes(steps, options.batch_size)


def ensemble(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of both frameworks' ensembles."""
    runs, batch = 2 * context.scale.ensemble, context.config.train.batch_size
    return START + runs * TRAINING * speed.passes(context.scale.ensemble_steps, batch)


def sampling(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of one sampling."""
    scale = context.scale
    batches = math.ceil(scale.samples / scale.sample_batch)
    return START + speed.passes(batches * context.config.diffusion.T, scale.sample_batch)


def precision(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of steps and images in both precisions."""
    scale = context.scale
    chain = speed.passes(context.config.diffusion.T, scale.exact_images)
    steps = TRAINING * speed.passes(scale.precision_steps, scale.precision_batch)
    return START + (chain + steps) * (1 + FLOAT64)


def seeds(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of the trainings and samplings from other seeds."""
    return context.scale.seeds * (training(context, speed) + sampling(context, speed))


def scoring(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of all scores."""
    return START + context.scale.samples * (3 + context.scale.seeds) / 200


def timing(context: Context, speed: TimeEstimate) -> float:
    """Return the seconds of the alternating time measurements."""
    batch, rounds = context.config.train.batch_size, context.scale.rounds + 2
    sampled = context.scale.sample_batch
    steps = TRAINING * speed.passes(rounds, batch) + speed.passes(rounds, sampled)
    return 4 * START + 2 * steps
