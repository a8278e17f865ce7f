"""The speed of the machine as that of a matrix product, and the operation count of the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ddpm.config import RunConfig
from ddpm_study.timing.alternation import alternate
from ddpm_study.timing.process import TimedProcess
from ddpm_study.timing.workloads import EPOCH_IMAGES

SIZES = (512, 1024, 2048)
REPEATS = 5


@dataclass(frozen=True)
class Product:
    """A product of two square float32 matrices, the measure of the machine's speed.

    Attributes:
        size: number of rows and columns.
    """

    size: int

    @property
    def operations(self) -> int:
        """Its floating-point operations."""
        return 2 * self.size**3

    def process(self, environment: Mapping[str, str] | None = None) -> TimedProcess:
        """Return a process that computes it, to be timed in turn with others."""
        return TimedProcess("product", {"size": self.size}, f"{__name__}:make", environment or {})


def fastest_product(environment: Mapping[str, str] | None = None) -> Product:
    """Return the product, of a few sizes, with the highest rate of operations on this machine.

    Args:
        environment: variables added to the processes', such as their number of threads.

    Raises:
        MeasuringError: a process died.
    """
    products = {f"{size} x {size}": Product(size) for size in SIZES}
    processes = {name: product.process(environment) for name, product in products.items()}
    timing = alternate(processes, rounds=REPEATS, progress="matrix products")
    return max(
        products.values(),
        key=lambda p: p.operations / min(timing.seconds[f"{p.size} x {p.size}"]),
    )


def make(benchmark: str, options: dict[str, Any]) -> Callable[[], None]:
    """Return a function that multiplies two square float32 matrices.

    Args:
        benchmark: `product`.
        options: `size`, number of rows and columns.
    """
    import torch

    a, b = torch.rand(2, options["size"], options["size"])

    def product() -> None:
        torch.mm(a, b)

    return {"product": product}[benchmark]


def operations(work: Callable[[], Any]) -> int:
    """Return the floating-point operations of the matrix products and convolutions in some work."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # The counter does not know the fused attention of a CPU.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def unet_operations(config: RunConfig) -> dict[str, int]:
    """Return the operations of one work item of every benchmark, and the count `parameters`.

    Benchmarks that are not made of products have no entry. Counted in PyTorch; Jittor computes the
    same products.
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
