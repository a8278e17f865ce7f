"""The speed of this machine, from a forward pass that is timed before the stages start."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from ddpm.config import RunConfig

IMAGES = 4


@dataclass(frozen=True)
class TimeEstimate:
    """Measured duration of a forward pass of PyTorch's U-Net.

    Attributes:
        forward: seconds for each image of a batch.
        call: seconds that do not depend on the batch.
    """

    forward: float
    call: float

    @classmethod
    def measure(cls, config: RunConfig, threads: int) -> TimeEstimate:
        """Time the forward pass on one image and on a few.

        Args:
            config: of the run.
            threads: for PyTorch during the measurement.
        """
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            one, few = (_forward(config, count) for count in (1, 1 + IMAGES))
        finally:
            torch.set_num_threads(before)
        each = max((few - one) / IMAGES, one / 50)
        return cls(forward=each, call=max(one - each, 0.0))

    def shared_by(self, count: int) -> TimeEstimate:
        """Return the joint speed of `count` processes of this speed."""
        return TimeEstimate(self.forward / count, self.call / count)

    def passes(self, count: int, batch: int) -> float:
        """Return the seconds of `count` forward passes of `batch` images."""
        return count * (self.call + batch * self.forward)


def _forward(config: RunConfig, images: int) -> float:
    """Return the median seconds of a forward pass."""
    import torch

    from impl_torch.unet import UNet

    model = UNet(config.unet).eval()
    unet = config.unet
    x = torch.zeros(images, unet.image_channels, unet.image_size, unet.image_size)
    timestep = torch.from_numpy(np.zeros(images, np.int64))
    seconds = []
    with torch.inference_mode():
        for _ in range(4):
            start = time.perf_counter()
            model(x, timestep)
            seconds.append(time.perf_counter() - start)
    return median(seconds[1:])
