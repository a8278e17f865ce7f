"""What the machine can do, and what the work asks of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from ddpm.config import RunConfig

SIZES = (512, 1024, 2048)
REPEATS = 5


@cache
def gemm_peak() -> float:
    """Return the highest rate of a float32 matrix product here, in operations per second.

    The fastest of a few sizes and repeats, with as many threads as PyTorch uses.
    """
    import torch

    best = 0.0
    for size in SIZES:
        a, b = torch.rand(2, size, size)
        torch.mm(a, b)
        for _ in range(REPEATS):
            begun = time.perf_counter()
            torch.mm(a, b)
            best = max(best, 2 * size**3 / (time.perf_counter() - begun))
    return best


def operations(work: Callable[[], Any]) -> int:
    """Return the floating-point operations of the matrix products and convolutions in some work."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def unet_operations(config: RunConfig) -> dict[str, int]:
    """Return the operations of one batch of training: `forward`, and `training_step`.

    Counted on PyTorch's side; Jittor's does the same products.
    """
    import torch

    from impl_torch.train import Trainer

    trainer = Trainer(config)
    unet = config.unet
    shape = (config.train.batch_size, unet.image_channels, unet.image_size, unet.image_size)
    images = torch.zeros(shape)
    timestep = torch.zeros(len(images), dtype=torch.int64)

    def forward() -> None:
        with torch.no_grad():
            trainer.model(images, timestep)

    return {
        "forward": operations(forward),
        "training_step": operations(lambda: trainer.train_step(images.numpy())),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
    }
