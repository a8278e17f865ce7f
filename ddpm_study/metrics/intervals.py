"""The uncertainty of a score of N images: extrapolation to infinitely many, and intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ddpm import streams
from ddpm.logs.progress_stream import progress_stream

Score = Callable[[NDArray[np.int64]], float]
SIZES, DRAWS = 8, 4
# With fewer images the smallest subsets hold at most 4, and the fitted line misses by as much as
# the score's own bias: two sets of 10 real digits were extrapolated to 11, where 0 is right.
LEAST = 20
RESAMPLES = 100
BAR_DELAY = 5.0  # seconds before a progress bar appears
CONFIDENCE = 0.95


def extrapolated(score: Score, count: int, *, seed: int = 0) -> float | None:
    """Return the limit of a score for infinitely many images (Chong and Forsyth 2020).

    Scores of subsets, from a quarter of the images to all, are fitted by a line over 1 / N; its
    value at 1 / N = 0 is the limit. It scatters around the truth, and may be negative where that is
    near 0. None for fewer than `LEAST` images, for which it would mean nothing.

    Args:
        score: score of the images with the given indices.
        count: number of images.
        seed: of the subsets.
    """
    if count < LEAST:
        return None
    inverse = np.linspace(1 / count, 4 / count, SIZES)
    sizes = np.rint(1 / inverse).astype(int)
    means = []
    for i, size in enumerate(sizes):
        draws = 1 if size == count else DRAWS
        subsets = (
            streams.stream(seed, "probe", "subset", i, draw).permutation(count)[:size]
            for draw in range(draws)
        )
        means.append(np.mean([score(indices) for indices in subsets]))
    _, intercept = np.polyfit(1 / sizes, means, 1)
    return float(intercept)


def interval(
    score: Score,
    value: float,
    count: int,
    *,
    least: float = -np.inf,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return a 95 % interval of a score by resampling its images (bootstrap).

    A resampled set holds some images more than once and scores as a smaller set would; that shift
    is subtracted, so that the interval lies around `value`. Where the lower end then falls below
    the smallest possible score, it is moved up to that; no possible value is lost.

    Args:
        score: score of the images with the given indices.
        value: score of all images.
        count: number of images.
        least: the smallest value that the score can have.
        resamples: number of resampled sets.
        seed: of the resampling.
    """
    scores = np.array(
        [
            score(streams.stream(seed, "probe", "resample", i).integers(0, count, count))
            for i in _with_bar(range(resamples))
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(scores - scores.mean(), [tail, 1 - tail])
    return max(float(value + low), least), float(value + high)


def _with_bar(numbers: range) -> Iterable[int]:
    return tqdm(numbers, desc="resample", delay=BAR_DELAY, leave=False, file=progress_stream())
