"""Faults of random numbers: another stream, the same numbers again, masks shared."""

from __future__ import annotations

from typing import Any

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import TRAINING

SAME = "https://github.com/pytorch/pytorch/issues/5059"


@mutant(TRAINING, "torch", "", "optimizer", UNREPORTED, "loss")
def other_stream(side: Any) -> None:
    """Another seed."""
    trainer = side.trainer
    trainer.config = trainer.config.with_(train={"seed": 1})


@mutant(TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss")
def other_stream_in_jittor(side: Any) -> None:
    """Another seed."""
    trainer = side.trainer
    trainer.config = trainer.config.with_(train={"seed": 1})


def _same_numbers(side: Any) -> None:
    trainer = side.trainer
    own = trainer.loss

    def loss(images: Any) -> Any:
        step, trainer.step = trainer.step, 0
        try:
            return own(images)
        finally:
            trainer.step = step

    trainer.loss = loss


@mutant(TRAINING, "torch", "", "optimizer", SAME, "loss")
def same_noise_every_step(side: Any) -> None:
    """Timesteps, noise and masks of the first step at every step."""
    _same_numbers(side)


@mutant(TRAINING, "jittor", "", "optimizer", SAME, "loss")
def same_noise_every_step_in_jittor(side: Any) -> None:
    """Timesteps, noise and masks of the first step at every step."""
    _same_numbers(side)


def _one_mask(side: Any) -> None:
    model = side.trainer.model
    own = model.use_dropout_masks
    model.use_dropout_masks = lambda source: own(
        lambda shape, rate, layer: source(shape, rate, layer="all")
    )


@mutant(TRAINING, "torch", "", "optimizer", UNREPORTED, "loss")
def mask_reused(side: Any) -> None:
    """One dropout mask for every layer."""
    _one_mask(side)


@mutant(TRAINING, "jittor", "", "optimizer", UNREPORTED, "loss")
def mask_reused_in_jittor(side: Any) -> None:
    """One dropout mask for every layer."""
    _one_mask(side)
