"""Faults of random numbers: another stream, the same numbers again, masks shared."""

from __future__ import annotations

from typing import Any

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TRAINING

SAME = "https://github.com/pytorch/pytorch/issues/5059"


@mutant(TRAINING, BOTH, "", "optimizer", UNREPORTED, "loss")
def other_stream(stepper: Any) -> None:
    """Another seed."""
    trainer = stepper.trainer
    trainer.config = trainer.config.with_(train={"seed": 1})


@mutant(TRAINING, BOTH, "", "optimizer", SAME, "loss")
def same_noise_every_step(stepper: Any) -> None:
    """Timesteps, noise and masks of the first step at every step."""
    trainer = stepper.trainer
    first_loss = trainer.loss

    def loss(images: Any) -> Any:
        step, trainer.step = trainer.step, 0
        try:
            return first_loss(images)
        finally:
            trainer.step = step

    trainer.loss = loss


@mutant(TRAINING, BOTH, "", "optimizer", UNREPORTED, "loss", visible=lambda c: c.drops_out)
def mask_reused(stepper: Any) -> None:
    """One dropout mask for every layer."""
    model = stepper.trainer.model
    use_dropout_masks = model.use_dropout_masks
    model.use_dropout_masks = lambda source: use_dropout_masks(
        lambda shape, rate, layer: source(shape, rate, layer="all")
    )
