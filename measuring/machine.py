"""What the machine can do, and what the work asks of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ddpm.config import RunConfig
from measuring.alternation import alternate
from measuring.process import Side
from measuring.workloads import EPOCH_IMAGES

SIZES = (512, 1024, 2048)
REPEATS = 5


def gemm_peak(environment: Mapping[str, str] | None = None) -> float:
    """Return the highest rate of a float32 matrix product here, in operations per second.

    The fastest of a few sizes and repeats, in processes like those whose share of it is asked.

    Args:
        environment: variables added to theirs, such as how many threads they use.

    Raises:
        MeasuringError: a process died.
    """
    sides = {
        f"{size} x {size}": Side("product", {"size": size}, f"{__name__}:make", environment or {})
        for size in SIZES
    }
    timing = alternate(sides, rounds=REPEATS, progress="matrix products")
    fastest = (min(timing.seconds[side]) for side in sides)
    return max(2 * size**3 / seconds for size, seconds in zip(SIZES, fastest, strict=True))


def make(subject: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return a product of two square float32 matrices.

    Args:
        subject: `product`.
        options: `size`, their rows and columns.
    """
    import torch

    a, b = torch.rand(2, options["size"], options["size"])

    def product() -> None:
        torch.mm(a, b)

    return {"product": product}[subject]


def operations(work: Callable[[], Any]) -> int:
    """Return the floating-point operations of the matrix products and convolutions in some work."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # The fused attention of a CPU is not among what the counter knows.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def unet_operations(config: RunConfig) -> dict[str, int]:
    """Return the operations of one unit of every subject that is made of products; `parameters`.

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

    one, step = operations(forward), operations(lambda: trainer.train_step(images.numpy()))
    sampling_step = one * config.sample.batch_size // config.train.batch_size
    return {
        "forward": one,
        "training_step": step,
        "backward": step,
        "sampling_step": sampling_step,
        "sampling": sampling_step * config.diffusion.T,
        "epoch": step * (EPOCH_IMAGES // config.train.batch_size),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
    }
