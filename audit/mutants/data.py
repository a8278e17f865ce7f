"""Faults on the way from images to the network: range, order, mirror, incomplete batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import TRAINING
from audit.layer_zoo import LAYERS

RANGE = "https://github.com/sangyun884/blur-diffusion/issues/4"
TRANSPOSED = "https://github.com/developmentseed/tensorflow-eo-training/issues/11"
COLOURS = "https://github.com/qubvel/classification_models/issues/4"
Change = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]


def _fed(side: Any, change: Change) -> None:
    own = side.trainer.train_step
    side.trainer.train_step = lambda images: own(np.ascontiguousarray(change(images)))


@mutant(TRAINING, "torch", "", "optimizer", RANGE, "loss")
def range_0_to_1(side: Any) -> None:
    """Images in [0, 1] for [-1, 1]."""
    _fed(side, lambda images: (images + 1) / 2)


@mutant(TRAINING, "jittor", "", "optimizer", RANGE, "loss")
def range_0_to_1_in_jittor(side: Any) -> None:
    """Images in [0, 1] for [-1, 1]."""
    _fed(side, lambda images: (images + 1) / 2)


@mutant(TRAINING, "torch", "", "optimizer", UNREPORTED, "loss")
def always_mirrored(side: Any) -> None:
    """Every image mirrored."""
    _fed(side, lambda images: images[..., ::-1])


@mutant(TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss")
def divided_by_128(side: Any) -> None:
    """Pixels divided by 128 and not by 127.5."""
    _fed(side, lambda images: ((images + 1) * 127.5 / 128 - 1).astype(np.float32))


@mutant(TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss")
def last_batch_kept(side: Any) -> None:
    """An incomplete batch, one image short, used as it is."""
    _fed(side, lambda images: images[:-1])


@mutant(TRAINING, "torch", "", "optimizer", TRANSPOSED, "loss")
def rows_for_columns(side: Any) -> None:
    """Height and width exchanged."""
    _fed(side, lambda images: images.transpose(0, 1, 3, 2))


@mutant(LAYERS, "torch", "", "forward", COLOURS)
def channels_reversed(model: Any) -> None:
    """BGR for RGB."""
    forward = model.forward
    model.forward = lambda x: forward(x.flip(1))


@mutant(LAYERS, "jittor", "", "forward", COLOURS)
def channels_reversed_in_jittor(model: Any) -> None:
    """BGR for RGB."""
    execute = model.execute
    model.execute = lambda x: execute(jt.concat([x[:, i : i + 1] for i in (3, 2, 1, 0)], dim=1))
