"""Parts of a training step in Jittor, whose execution is lazy, and a function that waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt


def wait() -> None:
    """Wait until all pending work is done."""
    jt.sync_all(True)


def forward(work: Any) -> Callable[[], None]:
    """Return a function that runs the U-Net on a batch, without gradients."""
    model, batch = work.trainer.model.eval(), work.trainer.tensor(work.batch)
    timestep = jt.zeros((len(batch),), dtype="int64")
    wait()

    def item() -> None:
        with jt.no_grad():
            model(batch, timestep).sync()
        wait()

    return item


def backward(work: Any) -> Callable[[], None]:
    """Return a function that computes the loss of a batch and every parameter's gradient."""
    trainer, batch = work.trainer, work.batch
    parameters = list(trainer.model.parameters())

    def item() -> None:
        gradients = jt.grad(trainer.loss(batch), parameters)
        jt.sync(gradients)
        wait()

    return item


def optimizer(work: Any) -> Callable[[], None]:
    """Return a function that applies gradients computed beforehand."""
    optimizer = work.trainer.optimizer
    optimizer.backward(work.trainer.loss(work.batch))
    wait()

    def item() -> None:
        optimizer.step()
        wait()

    return item
