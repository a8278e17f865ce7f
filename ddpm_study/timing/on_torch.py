"""Parts of a training step in PyTorch, and how to wait for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def wait() -> None:
    """Wait until everything asked for is done; on a CPU it is."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def forward(work: Any) -> Callable[[], None]:
    """Run the U-Net on a batch, without gradients."""
    model, batch = work.trainer.model.eval(), work.trainer.tensor(work.batch)
    timestep = torch.zeros(len(batch), dtype=torch.int64, device=batch.device)

    def unit() -> None:
        with torch.inference_mode():
            model(batch, timestep)
        wait()

    return unit


def backward(work: Any) -> Callable[[], None]:
    """Compute the loss of a batch and every parameter's gradient."""
    trainer, batch = work.trainer, work.batch

    def unit() -> None:
        trainer.optimizer.zero_grad()
        trainer.loss(batch).backward()
        wait()

    return unit


def optimizer(work: Any) -> Callable[[], None]:
    """Apply gradients that are at hand."""
    backward(work)()

    def unit() -> None:
        work.trainer.optimizer.step()
        wait()

    return unit
