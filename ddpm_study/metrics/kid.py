"""KID (Binkowski et al. 2018), computed by torchmetrics on features that are at hand."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

Float64 = NDArray[np.float64]
SUBSETS, SUBSET_SIZE = 50, 1000  # of fewer than twice as many images, half of them


class AsTheyAre(nn.Module):
    """Hands features through where torchmetrics expects a network."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.num_features = size

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, (N, D)."""
        return features


def kid(fake: Float64, real: Float64, *, seed: int = 0) -> tuple[float, float]:
    """Return the mean and the spread over subsets of the squared MMD with a cubic kernel.

    It is unbiased: of two sets of one distribution it scatters around 0, and may be below.
    """
    size = max(2, min(SUBSET_SIZE, len(fake) // 2, len(real) // 2))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Metric `Kernel Inception Distance` will save all")
        metric = KernelInceptionDistance(
            AsTheyAre(real.shape[1]), subsets=SUBSETS, subset_size=size
        ).set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    with torch.random.fork_rng(devices=[]):  # it draws its subsets from torch's own generator
        torch.manual_seed(seed)
        mean, spread = metric.compute()
    return float(mean), float(spread)
