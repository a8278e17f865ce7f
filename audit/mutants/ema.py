"""Faults of the average of the weights: order, decay, start."""

from __future__ import annotations

from typing import Any

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TRAINING

DECAY = "https://github.com/huggingface/diffusers/issues/1864"
START = "https://github.com/huggingface/pytorch-image-models/issues/1182"
LEFT_OUT = "https://github.com/pytorch/pytorch/issues/84053"


@mutant(TRAINING, BOTH, None, "optimizer", UNREPORTED, "ema")
def averaged_before_the_step(stepper: Any) -> None:
    """The average taken before the weights move."""
    trainer = stepper.trainer
    update, average = trainer.optimizer.update, trainer.ema.update

    def early(loss: Any, lr: float, clip: float) -> None:
        average(trainer.model)
        update(loss, lr, clip)

    trainer.optimizer.update = early
    trainer.ema.update = lambda model: None


@mutant(
    TRAINING, "torch", None, "optimizer", DECAY, "ema",
    visible=lambda c: c.run.train.ema_decay > 0.2,
)  # fmt: skip
def decay_warmed_up(stepper: Any) -> None:
    """The decay of step n held below (1 + n) / (10 + n)."""
    trainer = stepper.trainer
    average, decay = trainer.ema.update, trainer.ema.decay

    def update(model: Any) -> None:
        trainer.ema.decay = min(decay, (1 + trainer.step) / (10 + trainer.step))
        average(model)

    trainer.ema.update = update


@mutant(
    TRAINING, "jittor", None, "optimizer", DECAY, "ema",
    visible=lambda c: c.run.train.ema_decay != 0.5,
)  # fmt: skip
def decay_and_its_complement_exchanged(stepper: Any) -> None:
    """1 - decay for decay."""
    stepper.trainer.ema.decay = 1 - stepper.trainer.ema.decay


@mutant(
    TRAINING, "torch", None, "optimizer", START, "ema",
    visible=lambda c: c.run.train.ema_decay > 0,
)  # fmt: skip
def bias_corrected(stepper: Any) -> None:
    """The average divided as if it had started from zeros."""
    trainer = stepper.trainer
    average, decay = trainer.ema.update, trainer.ema.decay

    def update(model: Any) -> None:
        average(model)
        for value in trainer.ema.average.values():
            value.div_(1 - decay ** (trainer.step + 1))

    trainer.ema.update = update


@mutant(TRAINING, "jittor", "norm_out", "optimizer", LEFT_OUT, "ema")
def one_layer_not_averaged(stepper: Any) -> None:
    """One layer's average never updated."""
    trainer = stepper.trainer
    average = trainer.ema.update

    def update(model: Any) -> None:
        kept = {n: v.numpy().copy() for n, v in trainer.ema.average.items() if "norm_out" in n}
        average(model)
        for name, value in kept.items():
            var = trainer.ema.average[name]
            var.update(type(var)(value).cast(var.dtype))

    trainer.ema.update = update
