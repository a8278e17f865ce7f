"""Faults of mode: training for evaluation, and the reverse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch.nn.functional as F

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import RESIDUAL, PairBase
from audit.layer_zoo import LAYERS

TRAINING = "https://github.com/fxia22/pointnet.pytorch/pull/19"
DROPPING = "https://github.com/rixwew/pytorch-fm/issues/21"
FRESH = "Jittor 1.3.11: a fresh module is in evaluation mode, torch's in training mode"
EVALUATED_LAYERS = PairBase(replace(LAYERS.pair, name="layers, evaluating", training=False))
EVALUATED_BLOCK = PairBase(
    replace(RESIDUAL.pair, name="residual block, evaluating", training=False)
)


@mutant(EVALUATED_LAYERS, "torch", "batch", "forward", TRAINING)
def batch_statistics_when_evaluating(model: Any) -> None:
    """BatchNorm with the batch's statistics in evaluation."""
    batch = model.batch
    batch.forward = lambda input: F.batch_norm(
        input, None, None, batch.weight, batch.bias, True, 0.0, batch.eps
    )


@mutant(EVALUATED_LAYERS, "jittor", "batch", "forward", FRESH)
def batch_statistics_when_evaluating_in_jittor(model: Any) -> None:
    """BatchNorm left in training mode."""
    batch = model.batch
    execute = batch.execute

    def training(x: Any) -> Any:
        batch.is_train = True
        return execute(x)

    batch.execute = training


@mutant(EVALUATED_BLOCK, "torch", "dropout", "forward", DROPPING)
def dropping_when_evaluating(block: Any) -> None:
    """Dropout in evaluation."""
    block.dropout.forward = lambda x: F.dropout(x, 0.1, training=True)


@mutant(
    RESIDUAL, "jittor", "dropout", "forward", FRESH, visible=lambda c: c.drops_out and c.training
)
def not_dropping_when_training(block: Any) -> None:
    """Dropout off in training."""
    block.dropout.rate = 0.0


@mutant(LAYERS, "torch", "batch", "forward", UNREPORTED)
def running_statistics_when_training(model: Any) -> None:
    """BatchNorm with running statistics in training."""
    batch = model.batch
    batch.forward = lambda input: F.batch_norm(
        input, batch.running_mean, batch.running_var, batch.weight, batch.bias, False, 0.0,
        batch.eps,
    )  # fmt: skip
