"""What a score of N images says about the score of endless ones: extrapolation and intervals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ddpm import streams

Score = Callable[[NDArray[np.int64]], float]
SIZES, DRAWS = 8, 4
# Of fewer images the smallest subsets hold 4 and less, and the line misses by as much as the score
# is off: 2 sets of 10 real digits were given 11 for endless images, where 0 is right.
LEAST = 20
RESAMPLES, HIDDEN = 100, 5.0  # a bar appears after so many seconds
CONFIDENCE = 0.95


def extrapolated(score: Score, count: int, *, seed: int = 0) -> float | None:
    """Return what a score tends to as the images become endless (Chong & Forsyth 2020).

    Scores of subsets, from a quarter of the images to all, are fitted by a line over 1 / N; where
    it meets 0 is the answer. It scatters around the truth, and may lie below 0 where that is near
    it. None of fewer than `LEAST` images, of which it would mean nothing.

    Args:
        score: of the images with the given indices.
        count: how many images there are.
        seed: of the subsets.
    """
    if count < LEAST:
        return None
    inverse = np.linspace(1 / count, 4 / count, SIZES)
    sizes = np.rint(1 / inverse).astype(int)
    found = []
    for i, size in enumerate(sizes):
        draws = 1 if size == count else DRAWS
        chosen = (
            streams.stream(seed, "probe", "subset", i, draw).permutation(count)[:size]
            for draw in range(draws)
        )
        found.append(np.mean([score(indices) for indices in chosen]))
    _, intercept = np.polyfit(1 / sizes, found, 1)
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

    Resampled sets hold an image more than once and score as a smaller set would; that shift is
    taken out, so that the interval lies around `value`. Where that carries its end past what the
    score can be, it is cut off there: nothing that is possible is lost.

    Args:
        score: of the images with the given indices.
        value: the score of all.
        count: how many images there are.
        least: the smallest value that the score can have.
        resamples: how often.
        seed: of the resampling.
    """
    scores = np.array(
        [
            score(streams.stream(seed, "probe", "resample", i).integers(0, count, count))
            for i in _shown(range(resamples))
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(scores - scores.mean(), [tail, 1 - tail])
    return max(float(value + low), least), float(value + high)


def _shown(numbers: range) -> Iterable[int]:
    return tqdm(numbers, desc="resample", delay=HIDDEN, leave=False, file=sys.stderr)
