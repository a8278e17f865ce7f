"""Faults of loading: a key skipped, two of one shape exchanged, a copy that is stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch.nn.functional as F

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TRAINING
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

SILENT = "Jittor 1.3.11 load_parameters: warns of keys that do not fit, and goes on"
STALE = "https://github.com/pytorch/pytorch/issues/84053"
Arrays = dict[str, Any]


def _change_weights(stepper: Any, change: Callable[[Arrays], Arrays]) -> None:
    restore = stepper.trainer.restore
    stepper.trainer.restore = lambda checkpoint: restore(
        replace(checkpoint, weights=change(dict(checkpoint.weights)))
    )


@mutant(TRAINING, BOTH, "", "optimizer", SILENT, "loss")
def key_skipped(stepper: Any) -> None:
    """One weight left at values from before loading."""
    first = stepper.trainer.model.conv_in.weight.detach().numpy().copy()
    _change_weights(stepper, lambda weights: {**weights, "conv_in.weight": first * 0.5})


@mutant(TRAINING, BOTH, "", "optimizer", UNREPORTED, "loss")
def two_layers_exchanged(stepper: Any) -> None:
    """Two convolutions of one shape exchanged."""
    a, b = "middle.resnet1.conv1.weight", "middle.resnet2.conv1.weight"
    _change_weights(stepper, lambda weights: {**weights, a: weights[b], b: weights[a]})


@mutant(LAYERS, "torch", "square", "forward", STALE)
def weight_copied_at_the_start(model: Any) -> None:
    """A layer that uses a copy of its weight from before loading."""
    square = model.square
    # What is loaded into this side is what it was built with: only another value is stale.
    copy = square.weight.detach().clone() * 0.9
    square.forward = lambda input: F.linear(input, copy.to(input.dtype), square.bias)


@mutant(LAYERS, "jittor", "square", "forward", STALE)
def weight_copied_at_the_start_in_jittor(model: Any) -> None:
    """A layer that uses a copy of its weight from before loading."""
    square = model.square
    copy = jt.array(square.weight.numpy().copy())
    square.execute = lambda x: jt.nn.matmul_transpose(x, copy.cast(x.dtype)) + square.bias
