"""Judges whether two groups of runs, of A's setting and of B's, are runs of one setting.

If they are, every way of dividing the same runs into groups of these sizes is as likely as the
given one. Two questions are put to each division, and B is called outside only if both say so.

1. By rank, without any assumption on the values: does another division part the groups as far?
   With n divisions a correct port is the farthest with probability 1/n, so few runs alone prove
   nothing.
2. By size, if the values of the runs at one step are normal: of their sum of squares, the share
   that lies between the groups then follows a Beta distribution, however large the spread is. The
   share is averaged over the steps of a window. However strongly steps depend on each other, an
   average of equally distributed shares exceeds the mean of the largest part p of one of them with
   a probability of at most p: on an event of probability q, the mean of each is at most that of its
   largest part q. The same is asked of the curves' means over a window, which finds a small lasting
   shift in curves whose noise averages out. The windows are all steps, halves and quarters, and the
   significance is divided by the number of questions.

The power follows from the number of runs alone. With A and two more, only a B more than 193
standard deviations away is outside; with four more 23, with eight more 9. A B that is the farthest
and not so far cannot be judged: more runs are needed. If the values of single steps have heavy
tails and depend strongly on each other, the second question errs more often than stated.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import mpmath
import numpy as np
from numpy.typing import NDArray

from parity.limits import CURVE_SIGNIFICANCE, FLOAT32_EPSILON, HORIZON

# Divisions that are tried; of more, so many are drawn.
MOST_DIVISIONS = 500
FEWEST_RUNS = 4
_CUTS = (1, 2, 4)  # windows: all steps, halves, quarters

Values = NDArray[np.float64]


@dataclass(frozen=True)
class SpreadJudgement:
    """The place of B among the runs.

    Attributes:
        farthest: whether no other division parts the groups as far.
        divisions: how many there are, or were tried.
        spreads: between B and A in the window in which they lie farthest apart, in standard
            deviations of the runs of one setting.
        needed: the same, from which on a port is called outside.
        window: first and last index of that window.
        of_means: whether that is the distance of means over the window, or that at its steps.
        outside_from: index of the first step from which on all runs of B lie on one side of all of
            A's; None if they do not at the last.
        coarse_from: index of the first step from which on the spread exceeds the horizon, relative
            to the loss; None if it does not at the last.
    """

    farthest: bool
    divisions: int
    spreads: float
    needed: float
    window: tuple[int, int]
    of_means: bool
    outside_from: int | None
    coarse_from: int | None

    @property
    def is_outside(self) -> bool:
        """Whether no run of A's setting would be so far away, but for the significance."""
        return self.farthest and self.spreads > self.needed


def judge_spread(runs: Values, count: int, resolution: Values) -> SpreadJudgement:
    """Judge runs of B against runs of A.

    Args:
        runs: losses, float64 (n, steps); A's runs first.
        count: of A's runs.
        resolution: half a unit of the last digit, float64 (steps,). Deviations below it, or below
            float32's, are none.
    """
    n, steps = runs.shape
    windows = _windows(steps)
    floor = np.maximum(resolution, FLOAT32_EPSILON * np.abs(runs.mean(0)))
    means = [runs[:, start:stop].mean(1) for start, stop in windows]
    columns = np.concatenate([runs, np.stack(means, 1)], 1)
    floors = np.concatenate([floor, [floor[start:stop].mean() for start, stop in windows]])
    deviations = columns - columns.mean(0)
    total = (deviations**2).sum(0)
    found = np.array(
        [
            _statistics(deviations, total, floors, division, windows)
            for division in _divisions(n, count)
        ]
    )
    largest = int(np.argmax(found[0]))
    farther = int((found.max(1)[1:] >= found[0, largest]).sum())
    unit = math.sqrt(1 / count + 1 / (n - count))
    within = np.sqrt(_within(runs, count).sum(0) / (n - 2))
    start, stop = windows[largest % len(windows)]
    return SpreadJudgement(
        farthest=farther == 0,
        divisions=len(found),
        spreads=_student(float(found[0, largest]), n) * unit,
        needed=_student(critical_share(n, CURVE_SIGNIFICANCE / found.shape[1]), n) * unit,
        window=(start, stop - 1),
        of_means=largest >= len(windows),
        outside_from=_outside_from(runs, count),
        coarse_from=_first_of_last_run(within > HORIZON * np.abs(runs[:count].mean(0))),
    )


@functools.cache
def critical_share(n: int, significance: float) -> float:
    """Return the mean of the largest part, of a probability, of a share between groups.

    Args:
        n: runs in both groups.
        significance: the probability.
    """
    b, half = mpmath.mpf(n - 2) / 2, mpmath.mpf(1) / 2
    low, high = mpmath.mpf(-60), mpmath.mpf(0)  # log10 of what the share lacks of 1
    for _ in range(80):
        middle = (low + high) / 2
        tail = mpmath.betainc(b, half, 0, 10**middle, regularized=True)
        low, high = (middle, high) if tail < significance else (low, middle)
    part = mpmath.betainc(b, half + 1, 0, 10**low, regularized=True)
    return float(half / (half + b) * part / significance)


def _student(share: float, n: int) -> float:
    """Return Student's t that has a share of the sum of squares between the groups."""
    return math.sqrt((n - 2) * share / max(1 - share, 1e-15))


def _windows(steps: int) -> list[tuple[int, int]]:
    cuts = [np.linspace(0, steps, parts + 1).round().astype(int).tolist() for parts in _CUTS]
    pairs = [pair for cut in cuts for pair in itertools.pairwise(cut)]
    return list(dict.fromkeys((a, b) for a, b in pairs if b > a))


def _divisions(n: int, count: int) -> list[NDArray[np.bool_]]:
    """Return divisions of n runs as masks of A's group, the given one first.

    Of groups of one size the mirror image of a division is the same one.
    """
    size = math.comb(n, count)
    groups: Sequence[tuple[int, ...]]
    if size <= MOST_DIVISIONS:
        groups = list(itertools.combinations(range(n), count))
    else:
        generator = np.random.default_rng(0)
        drawn = [sorted(generator.permutation(n)[:count]) for _ in range(MOST_DIVISIONS)]
        groups = list(dict.fromkeys([tuple(range(count)), *(tuple(map(int, g)) for g in drawn)]))
    if 2 * count == n:
        halves = [group if 0 in group else tuple(set(range(n)) - set(group)) for group in groups]
        groups = list(dict.fromkeys(tuple(sorted(group)) for group in halves))
    masks = []
    for group in groups:
        mask = np.zeros(n, np.bool_)
        mask[list(group)] = True
        masks.append(mask)
    return masks


def _statistics(
    deviations: Values,
    total: Values,
    floors: Values,
    division: NDArray[np.bool_],
    windows: Sequence[tuple[int, int]],
) -> list[float]:
    """Return the shares between the groups: the mean over each window, then those of its mean."""
    n, count = len(division), int(division.sum())
    between = deviations[division].sum(0) ** 2 * n / (count * (n - count))
    within = np.maximum(total - between, (n - 2) * floors**2)
    sum_of_squares = between + within
    shares = np.divide(
        between, sum_of_squares, out=np.zeros_like(sum_of_squares), where=sum_of_squares > 0
    )
    steps = shares.size - len(windows)
    return [*(float(shares[a:b].mean()) for a, b in windows), *map(float, shares[steps:])]


def _within(runs: Values, count: int) -> Values:
    """Return the squared deviations of the runs from the mean of their group."""
    groups = (runs[:count], runs[count:])
    return np.concatenate([(group - group.mean(0)) ** 2 for group in groups])


def _outside_from(runs: Values, count: int) -> int | None:
    first, second = runs[:count], runs[count:]
    above, below = second.min(0) > first.max(0), second.max(0) < first.min(0)
    found = [_first_of_last_run(mask) for mask in (above, below)]
    return next((index for index in found if index is not None), None)


def _first_of_last_run(mask: NDArray[np.bool_]) -> int | None:
    """Return the index from which on a mask is true up to its end, None if its end is false."""
    false = np.flatnonzero(~mask)
    first = int(false[-1]) + 1 if false.size else 0
    return first if first < mask.size else None
