"""Faults of the average of the weights: order, decay, start."""

from __future__ import annotations

from typing import Any

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import TRAINING

DECAY = "https://github.com/huggingface/diffusers/issues/1864"
START = "https://github.com/huggingface/pytorch-image-models/issues/1182"
LEFT_OUT = "https://github.com/pytorch/pytorch/issues/84053"


def _before_the_step(side: Any) -> None:
    trainer = side.trainer
    update, average = trainer.optimizer.update, trainer.ema.update

    def early(loss: Any, lr: float, clip: float) -> None:
        average(trainer.model)
        update(loss, lr, clip)

    trainer.optimizer.update = early
    trainer.ema.update = lambda model: None


@mutant(TRAINING, "torch", None, "optimizer", UNREPORTED, "ema of")
def averaged_before_the_step(side: Any) -> None:
    """The average taken before the weights move."""
    _before_the_step(side)


@mutant(TRAINING, "jittor", None, "optimizer", UNREPORTED, "ema of")
def averaged_before_the_step_in_jittor(side: Any) -> None:
    """The average taken before the weights move."""
    _before_the_step(side)


@mutant(TRAINING, "torch", None, "optimizer", DECAY, "ema of")
def decay_warmed_up(side: Any) -> None:
    """The decay of step n held below (1 + n) / (10 + n)."""
    trainer = side.trainer
    own, decay = trainer.ema.update, trainer.ema.decay

    def update(model: Any) -> None:
        trainer.ema.decay = min(decay, (1 + trainer.step) / (10 + trainer.step))
        own(model)

    trainer.ema.update = update


@mutant(TRAINING, "jittor", None, "optimizer", DECAY, "ema of")
def decay_and_its_complement_exchanged(side: Any) -> None:
    """1 - decay for decay."""
    side.trainer.ema.decay = 1 - side.trainer.ema.decay


@mutant(TRAINING, "torch", None, "optimizer", START, "ema of")
def bias_corrected(side: Any) -> None:
    """The average divided as if it had started from zeros."""
    trainer = side.trainer
    own, decay = trainer.ema.update, trainer.ema.decay

    def update(model: Any) -> None:
        own(model)
        for value in trainer.ema.average.values():
            value.div_(1 - decay ** (trainer.step + 1))

    trainer.ema.update = update


@mutant(TRAINING, "jittor", "norm_out", "optimizer", LEFT_OUT, "ema of")
def one_layer_not_averaged(side: Any) -> None:
    """One layer's average never updated."""
    trainer = side.trainer
    own = trainer.ema.update

    def update(model: Any) -> None:
        kept = {n: v.numpy().copy() for n, v in trainer.ema.average.items() if "norm_out" in n}
        own(model)
        for name, value in kept.items():
            average = trainer.ema.average[name]
            average.update(type(average)(value).cast(average.dtype))

    trainer.ema.update = update
