"""KID (Binkowski et al. 2018), computed by torchmetrics from given features."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

Float64 = NDArray[np.float64]
SUBSETS, SUBSET_SIZE = 50, 1000  # with fewer than 2,000 images: half of them


class PassThrough(nn.Module):
    """Returns features unchanged, where torchmetrics expects a network."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, (N, D)."""
        return features


def kid(fake: Float64, real: Float64, *, seed: int = 0) -> tuple[float, float]:
    """Return mean and standard deviation over subsets of the squared MMD with a cubic kernel.

    It is unbiased: for two sets of one distribution it scatters around 0 and may be negative.
    """
    size = max(2, min(SUBSET_SIZE, len(fake) // 2, len(real) // 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all")
        metric = KernelInceptionDistance(
            PassThrough(real.shape[1]), subsets=SUBSETS, subset_size=size
        ).set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    with torch.random.fork_rng(devices=[]):  # torchmetrics draws its subsets from torch's generator
        torch.manual_seed(seed)
        mean, spread = metric.compute()
    return float(mean), float(spread)
