"""Faults on the way from images to the network: range, order, mirror, incomplete batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TRAINING
from audit.edits import concatenate, wrap_call
from audit.layer_zoo import LAYERS

RANGE = "https://github.com/sangyun884/blur-diffusion/issues/4"
TRANSPOSED = "https://github.com/developmentseed/tensorflow-eo-training/issues/11"
COLOURS = "https://github.com/qubvel/classification_models/issues/4"
Images = np.ndarray[Any, Any]


def _change_images(stepper: Any, change: Callable[[Images], Images]) -> None:
    train_step = stepper.trainer.train_step
    stepper.trainer.train_step = lambda images: train_step(np.ascontiguousarray(change(images)))


@mutant(TRAINING, BOTH, "", "optimizer", RANGE, "loss", visible=lambda c: c.run.unet.image_size > 1)
def range_0_to_1(stepper: Any) -> None:
    """Images in [0, 1] for [-1, 1]."""
    _change_images(stepper, lambda images: (images + 1) / 2)


@mutant(
    TRAINING, "torch", "", "optimizer", UNREPORTED, "loss",
    visible=lambda c: c.run.unet.image_size > 1,
)  # fmt: skip
def always_mirrored(stepper: Any) -> None:
    """Every image mirrored."""
    _change_images(stepper, lambda images: images[..., ::-1])


@mutant(
    TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss",
    visible=lambda c: c.run.unet.image_size > 1,
)  # fmt: skip
def divided_by_128(stepper: Any) -> None:
    """Pixels divided by 128 and not by 127.5."""
    _change_images(stepper, lambda images: ((images + 1) * 127.5 / 128 - 1).astype(np.float32))


@mutant(
    TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss",
    visible=lambda c: c.run.unet.image_size > 1,
)  # fmt: skip
def last_batch_kept(stepper: Any) -> None:
    """An incomplete batch, one image short, used as it is."""
    _change_images(stepper, lambda images: images[:-1])


@mutant(
    TRAINING, "torch", "", "optimizer", TRANSPOSED, "loss",
    visible=lambda c: c.run.unet.image_size > 1,
)  # fmt: skip
def rows_for_columns(stepper: Any) -> None:
    """Height and width exchanged."""
    _change_images(stepper, lambda images: images.transpose(0, 1, 3, 2))


@mutant(LAYERS, BOTH, "", "forward", COLOURS)
def channels_reversed(model: Any) -> None:
    """BGR for RGB."""
    wrap_call(
        model,
        lambda call: lambda x: call(concatenate([x[:, i : i + 1] for i in (3, 2, 1, 0)], 1)),
    )
