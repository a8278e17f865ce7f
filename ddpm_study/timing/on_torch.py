"""Parts of a training step in PyTorch, and a function that waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def wait() -> None:
    """Wait until all pending work is done; on a CPU nothing is pending."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def forward(work: Any) -> Callable[[], None]:
    """Return a function that runs the U-Net on a batch, without gradients."""
    model, batch = work.trainer.model.eval(), work.trainer.tensor(work.batch)
    timestep = torch.zeros(len(batch), dtype=torch.int64, device=batch.device)

    def item() -> None:
        with torch.inference_mode():
            model(batch, timestep)
        wait()

    return item


def backward(work: Any) -> Callable[[], None]:
    """Return a function that computes the loss of a batch and every parameter's gradient."""
    trainer, batch = work.trainer, work.batch

    def item() -> None:
        trainer.optimizer.zero_grad()
        trainer.loss(batch).backward()
        wait()

    return item


def optimizer(work: Any) -> Callable[[], None]:
    """Return a function that applies gradients computed beforehand."""
    backward(work)()

    def item() -> None:
        work.trainer.optimizer.step()
        wait()

    return item
