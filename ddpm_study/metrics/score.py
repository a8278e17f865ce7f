"""All scores of a set of sampled images against a real one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import InputError
from ddpm.wording import counted
from ddpm_study.metrics.features.feature_extraction import Extractor, Features
from ddpm_study.metrics.fid import Gaussian, frechet_distance
from ddpm_study.metrics.inception_score import inception_score
from ddpm_study.metrics.intervals import RESAMPLES, extrapolated, interval
from ddpm_study.metrics.kid import kid
from ddpm_study.metrics.precision_recall import precision_recall

Interval = tuple[float, float]
MANY_FEATURES = 512
ENOUGH = 10_000  # from so many images on, the bias of their finite number is small


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of N images.

    Attributes:
        label: name of the Fréchet distance: `FID`, or `FID-digits`.
        count: N.
        fid: Fréchet distance of the features, lower is better.
        real_count: number of real images.
        fid_interval: 95 %, by resampling the images; at least 0, as every distance is.
        fid_infinity: extrapolation of `fid` to infinitely many samples (Chong and Forsyth 2020);
            None where there are too few images to extrapolate.
        fid_bias: bias from the finite N, `fid` - `fid_infinity`; None likewise.
        fid_bias_real: bias from the finite real set, found in the same way; None where there are
            too few real images to tell, or at least `ENOUGH`.
        kid, kid_std: kernel distance, lower is better, and its standard deviation over subsets.
        inception_score, inception_score_std: higher is better; standard deviation over splits.
        inception_score_interval: 95 %, by resampling the images.
        precision, recall: share of samples near real images, and of real images near samples.
    """

    label: str
    count: int
    real_count: int
    fid: float
    fid_interval: Interval
    fid_infinity: float | None
    fid_bias: float | None
    fid_bias_real: float | None
    kid: float
    kid_std: float
    inception_score: float
    inception_score_std: float
    inception_score_interval: Interval
    precision: float
    recall: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def score(
    fake: Features, real: Features, extractor: Extractor, *, splits: int = 10, seed: int = 0
) -> Scores:
    """Score samples against real images.

    Args:
        fake: features of the samples.
        real: features of the real images, by the same extractor.
        extractor: the network that computed the features.
        splits: number of parts for the Inception Score.
        seed: of subsets and resampling.

    Raises:
        InputError: fewer than 2 images, or fewer than `splits`.
    """
    require_enough(len(fake), splits)
    require_enough(len(real))
    target = Gaussian.of(real.vectors)
    root = target.root()

    def fid(indices: NDArray[np.int64]) -> float:
        return frechet_distance(Gaussian.of(fake.vectors[indices]), target, root)

    def inception(indices: NDArray[np.int64]) -> float:
        return inception_score(fake.logits[indices], splits=splits, seed=seed)[0]

    # With 2,048 features one distance takes seconds.
    resamples = RESAMPLES if real.vectors.shape[1] < MANY_FEATURES else RESAMPLES // 5
    count = len(fake)
    distance = fid(np.arange(count))
    at_infinity = extrapolated(fid, count, seed=seed)
    bias_real = None if len(real) >= ENOUGH else _bias_of_real(fake, real, distance, seed)
    inception_mean, inception_std = inception_score(fake.logits, splits=splits, seed=seed)
    kid_mean, kid_std = kid(fake.vectors, real.vectors, seed=seed)
    precision, recall = precision_recall(fake.vectors, real.vectors, seed=seed)
    return Scores(
        label=extractor.fid_label,
        count=count,
        real_count=len(real),
        fid=distance,
        fid_interval=interval(fid, distance, count, least=0, resamples=resamples, seed=seed),
        fid_infinity=at_infinity,
        fid_bias=None if at_infinity is None else distance - at_infinity,
        fid_bias_real=bias_real,
        kid=kid_mean,
        kid_std=kid_std,
        inception_score=inception_mean,
        inception_score_std=inception_std,
        inception_score_interval=interval(inception, inception_mean, count, least=1, seed=seed),
        precision=precision,
        recall=recall,
    )


def _bias_of_real(fake: Features, real: Features, distance: float, seed: int) -> float | None:
    """Return the bias from the finite real set, None where that is too small to tell."""
    samples = Gaussian.of(fake.vectors)
    root = samples.root()  # the distance is symmetric, so the samples can be the fixed side

    def fid(indices: NDArray[np.int64]) -> float:
        return frechet_distance(Gaussian.of(real.vectors[indices]), samples, root)

    at_infinity = extrapolated(fid, len(real), seed=seed)
    return None if at_infinity is None else distance - at_infinity


def require_enough(count: int, splits: int = 1) -> None:
    """Refuse too few images for a score.

    Raises:
        InputError: fewer than 2, or fewer than `splits`.
    """
    if count < max(2, splits):
        needed = f"{max(2, splits)} are needed"
        raise InputError(f"{counted(count, 'image')} cannot be scored: {needed}; draw more samples")
