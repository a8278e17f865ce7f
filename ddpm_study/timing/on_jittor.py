"""Parts of a training step in Jittor, whose execution is lazy, and how to wait for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt


def wait() -> None:
    """Wait until everything asked for is done."""
    jt.sync_all(True)


def forward(work: Any) -> Callable[[], None]:
    """Run the U-Net on a batch, without gradients."""
    model, batch = work.trainer.model.eval(), work.trainer.tensor(work.batch)
    timestep = jt.zeros((len(batch),), dtype="int64")
    wait()

    def unit() -> None:
        with jt.no_grad():
            model(batch, timestep).sync()
        wait()

    return unit


def backward(work: Any) -> Callable[[], None]:
    """Compute the loss of a batch and every parameter's gradient."""
    trainer, batch = work.trainer, work.batch
    parameters = list(trainer.model.parameters())

    def unit() -> None:
        gradients = jt.grad(trainer.loss(batch), parameters)
        jt.sync(gradients)
        wait()

    return unit


def optimizer(work: Any) -> Callable[[], None]:
    """Apply gradients that are at hand."""
    optimizer = work.trainer.optimizer
    optimizer.backward(work.trainer.loss(work.batch))
    wait()

    def unit() -> None:
        optimizer.step()
        wait()

    return unit
