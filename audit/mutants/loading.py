"""Faults of loading: a key skipped, two of one shape exchanged, a copy that is stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jittor as jt
import torch.nn.functional as F

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import TRAINING
from audit.layer_zoo import LAYERS

SILENT = "Jittor 1.3.11 load_parameters: warns of keys that do not fit, and goes on"
STALE = "https://github.com/pytorch/pytorch/issues/84053"
Arrays = dict[str, Any]


def _restoring(side: Any, change: Callable[[Arrays], Arrays]) -> None:
    own = side.trainer.restore
    side.trainer.restore = lambda saved: own(replace(saved, weights=change(dict(saved.weights))))


@mutant(TRAINING, "torch", "", "optimizer", SILENT, "loss")
def key_skipped(side: Any) -> None:
    """One weight left as it was initialised."""
    first = side.trainer.model.conv_in.weight.detach().numpy().copy()
    _restoring(side, lambda weights: {**weights, "conv_in.weight": first * 0.5})


@mutant(TRAINING, "jittor", "", "optimizer", SILENT, "loss")
def key_skipped_in_jittor(side: Any) -> None:
    """One weight left at other values than the file's."""
    first = side.trainer.model.conv_in.weight.numpy().copy()
    _restoring(side, lambda weights: {**weights, "conv_in.weight": first * 0.5})


def _exchanged(weights: Arrays) -> Arrays:
    a, b = "middle.resnet1.conv1.weight", "middle.resnet2.conv1.weight"
    return {**weights, a: weights[b], b: weights[a]}


@mutant(TRAINING, "torch", "", "optimizer", UNREPORTED, "loss")
def two_layers_exchanged(side: Any) -> None:
    """Two convolutions of one shape exchanged."""
    _restoring(side, _exchanged)


@mutant(TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss")
def two_layers_exchanged_in_jittor(side: Any) -> None:
    """Two convolutions of one shape exchanged."""
    _restoring(side, _exchanged)


@mutant(LAYERS, "torch", "square", "forward", STALE)
def weight_copied_at_the_start(model: Any) -> None:
    """A layer that uses a copy of its weight from before loading."""
    square = model.square
    copy = square.weight.detach().clone() * 0.9
    square.forward = lambda input: F.linear(input, copy.to(input.dtype), square.bias)


@mutant(LAYERS, "jittor", "square", "forward", STALE)
def weight_copied_at_the_start_in_jittor(model: Any) -> None:
    """A layer that uses a copy of its weight from before loading."""
    square = model.square
    copy = jt.array(square.weight.numpy().copy())
    square.execute = lambda x: jt.nn.matmul_transpose(x, copy.cast(x.dtype)) + square.bias
