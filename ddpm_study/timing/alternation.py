"""Measurements of several processes strictly in turn, and the statistics of their pairs.

Whatever else the machine does affects both halves of a pair, so the ratio within a pair is more
reliable than any single time.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from scipy import stats
from tqdm import tqdm

from ddpm.logs.progress_stream import progress_stream
from ddpm_study.timing.process import RunningProcess, TimedProcess

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Ratio:
    """The ratio of two implementations' times, from pairs.

    Attributes:
        median: of the pairs' ratios.
        low, high: an interval that holds the true median with 95 % confidence, from the order
            statistics of the pairs and no assumption on their distribution. For fewer than 6 pairs
            it is their whole range, whose confidence is lower.
        count: number of pairs.
    """

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, over: list[float], under: list[float]) -> Ratio:
        """Return the ratio of paired times.

        Raises:
            ValueError: there are none, or they are not pairs.
        """
        ratios = sorted(a / b for a, b in zip(over, under, strict=True))
        skipped = _outside(len(ratios))
        return cls(median(ratios), ratios[skipped], ratios[-1 - skipped], len(ratios))


def _outside(count: int) -> int:
    """Return how many order statistics lie outside the median's interval at each end."""
    below = int(stats.binom.ppf((1 - CONFIDENCE) / 2, count, 0.5))
    return max(0, min(below, (count + 1) // 2) - 1)


@dataclass(frozen=True)
class Timing:
    """The measurements of several processes.

    Attributes:
        seconds: name -> seconds of each round, in order.
        peak_memory: name -> largest resident memory of the process, bytes.
        memory_growth: name -> how much that rose from the first counted round to the last.
    """

    seconds: dict[str, list[float]]
    peak_memory: dict[str, int]
    memory_growth: dict[str, int] = field(default_factory=dict)

    def ratio(self, over: str, under: str) -> Ratio:
        """Return how many times longer `over` takes than `under`."""
        return Ratio.of(self.seconds[over], self.seconds[under])

    def median(self, name: str) -> float:
        """Return the median seconds of a round."""
        return median(self.seconds[name])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def alternate(
    processes: Mapping[str, TimedProcess],
    *,
    rounds: int,
    warmup: int = 2,
    progress: str = "measure",
) -> Timing:
    """Measure processes in turn; every other round is in reverse order, so that none leads always.

    Args:
        processes: name -> the process.
        rounds: number of measurements of each.
        warmup: rounds before those, which are not counted.
        progress: label of the progress bar.

    Raises:
        MeasuringError: a process cannot be set up, raises, or dies.
    """
    seconds: dict[str, list[float]] = {name: [] for name in processes}
    peaks: dict[str, int] = {}
    first: dict[str, int] = {}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(RunningProcess(f"{name} ({process.benchmark})", process))
            for name, process in processes.items()
        }
        order = list(workers)
        total = (warmup + rounds) * len(order)
        bar = stack.enter_context(
            tqdm(total=total, desc=progress, unit="item", file=progress_stream())
        )
        for number in range(-warmup, rounds):
            for name in order if number % 2 == 0 else reversed(order):
                taken, peaks[name] = workers[name].measure()
                if number >= 0:
                    seconds[name].append(taken)
                    first.setdefault(name, peaks[name])
                bar.update()
    return Timing(seconds, peaks, {name: peaks[name] - first[name] for name in first})
