"""The Gaussian fitted to a set of features, and the Fréchet distance of two of them (FID).

torchmetrics has this distance too, but accumulates sums of squares, which lose digits where
features lie far from zero and cannot be cached; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean and covariance of features.

    Attributes:
        mean: float64 (D,).
        covariance: float64 (D, D), divided by N - 1.
        count: N.
    """

    mean: Float64
    covariance: Float64
    count: int

    @classmethod
    def of(cls, vectors: Float64) -> Gaussian:
        """Fit features (N, D), N of at least 2, in two passes."""
        mean = vectors.mean(axis=0)
        centred = vectors - mean
        return cls(mean, centred.T @ centred / (len(vectors) - 1), len(vectors))

    def root(self) -> Float64:
        """Return the symmetric square root of the covariance, (D, D)."""
        values, axes = np.linalg.eigh(self.covariance)
        return (axes * np.sqrt(values.clip(min=0))) @ axes.T


def frechet_distance(fake: Gaussian, real: Gaussian, root: Float64 | None = None) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) (Heusel et al. 2017, equation 6).

    Args:
        fake: Gaussian of the samples.
        real: Gaussian of the real set.
        root: `real.root()`, where it is already computed.
    """
    root = real.root() if root is None else root
    # The eigenvalues of C1 C2 are the squares of these singular values. Those keep all digits also
    # where a covariance is singular, as it is with fewer images than features.
    values = np.linalg.svd(fake.root() @ root, compute_uv=False)
    between = np.square(fake.mean - real.mean).sum()
    spread = np.trace(fake.covariance) + np.trace(real.covariance)
    return max(0.0, float(between + spread - 2 * values.sum()))
