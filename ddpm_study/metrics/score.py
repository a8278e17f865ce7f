"""All scores of a set of images against a real one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import InputError
from ddpm_study.metrics.extractors import Extractor, Features, choose, features
from ddpm_study.metrics.fid import Gaussian, frechet_distance
from ddpm_study.metrics.inception_score import inception_score
from ddpm_study.metrics.intervals import RESAMPLES, extrapolated, interval
from ddpm_study.metrics.kid import kid
from ddpm_study.metrics.precision_recall import precision_recall

Interval = tuple[float, float]
MANY_FEATURES = 512
ENOUGH = 10_000  # images from which on what their number adds is small beside usual differences


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of N images.

    Attributes:
        label: what the Fréchet distance is called: `FID`, or `FID-digits`.
        count: N.
        fid: Fréchet distance of the features, lower is better.
        real_count: how many real images there are.
        fid_interval: 95 %, by resampling the images; it ends at 0, which no distance goes below.
        fid_infinity: what it tends to as N grows; None of too few images to tell.
        fid_bias: what the finite N adds, `fid` - `fid_infinity`; None likewise.
        fid_bias_real: what the finite real set adds, found in the same way; None of too few real
            images to tell, or of `ENOUGH`.
        kid, kid_std: kernel distance, lower is better, and its spread over subsets.
        inception_score, inception_score_std: higher is better; spread over splits.
        inception_score_interval: 95 %, by resampling the images.
        precision, recall: shares of samples that look real, and of real images that are reached.
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
    fake: NDArray[np.uint8] | Features,
    real: NDArray[np.uint8] | Features,
    extractor: Extractor | str = "digits",
    *,
    splits: int = 10,
    seed: int = 0,
) -> Scores:
    """Score images against real ones.

    Args:
        fake: uint8 (N, C, H, W), or what the extractor saw in them.
        real: likewise.
        extractor: or its name.
        splits: of the Inception Score.
        seed: of subsets and resampling.

    Raises:
        InputError: fewer than 2 images, fewer than `splits`, or not of the extractor's kind.
    """
    if isinstance(extractor, str):
        extractor = choose(extractor)
    seen, known = (x if isinstance(x, Features) else features(x, extractor) for x in (fake, real))
    require_enough(len(seen), splits)
    require_enough(len(known))
    target = Gaussian.of(known.vectors)
    root = target.root()

    def fid(indices: NDArray[np.int64]) -> float:
        return frechet_distance(Gaussian.of(seen.vectors[indices]), target, root)

    def inception(indices: NDArray[np.int64]) -> float:
        return inception_score(seen.logits[indices], splits=splits, seed=seed)[0]

    # Of 2,048 features one distance takes seconds.
    resamples = RESAMPLES if known.vectors.shape[1] < MANY_FEATURES else RESAMPLES // 5
    count = len(seen)
    distance = fid(np.arange(count))
    endless = extrapolated(fid, count, seed=seed)
    bias_real = None if len(known) >= ENOUGH else _bias_of_real(seen, known, distance, seed)
    value, spread = inception_score(seen.logits, splits=splits, seed=seed)
    mean, deviation = kid(seen.vectors, known.vectors, seed=seed)
    precision, recall = precision_recall(seen.vectors, known.vectors, seed=seed)
    return Scores(
        label=extractor.fid_label,
        count=count,
        real_count=len(known),
        fid=distance,
        fid_interval=interval(fid, distance, count, least=0, resamples=resamples, seed=seed),
        fid_infinity=endless,
        fid_bias=None if endless is None else distance - endless,
        fid_bias_real=bias_real,
        kid=mean,
        kid_std=deviation,
        inception_score=value,
        inception_score_std=spread,
        inception_score_interval=interval(inception, value, count, least=1, seed=seed),
        precision=precision,
        recall=recall,
    )


def _bias_of_real(seen: Features, known: Features, distance: float, seed: int) -> float | None:
    """Return what the finite real set adds to the distance, None if it is too small to tell."""
    samples = Gaussian.of(seen.vectors)
    root = samples.root()  # the distance is the same both ways

    def fid(indices: NDArray[np.int64]) -> float:
        return frechet_distance(Gaussian.of(known.vectors[indices]), samples, root)

    endless = extrapolated(fid, len(known), seed=seed)
    return None if endless is None else distance - endless


def require_enough(count: int, splits: int = 1) -> None:
    """Refuse too few images for a score.

    Raises:
        InputError: fewer than 2, or fewer than `splits`.
    """
    if count < max(2, splits):
        needed = f"{max(2, splits)} are needed"
        raise InputError(f"{count} image(s) cannot be scored: {needed}; draw more samples")
