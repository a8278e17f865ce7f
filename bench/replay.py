"""How times that were measured in turn come into pytest-benchmark's record.

pytest-benchmark times one function after the other. Ours were measured alternately, in processes of
their own, before it asks: its clock is ours, and moves on by what was measured.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

from bench.subjects import Subject
from ddpm.config import RunConfig
from measuring import Timing
from measuring.machine import gemm_peak, unet_operations
from reproduction.environment import environment


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


CLOCK = Clock()


def record(
    benchmark: Any, subject: Subject, side: str, timing: Timing, preset: str, config: RunConfig
) -> None:
    """Hand one side's rounds, and what they mean, to a fixture whose timer is `CLOCK`."""
    rounds = iter(timing.seconds[side])

    def unit() -> None:
        CLOCK.now += next(rounds)

    benchmark.group = subject.name
    benchmark.extra_info.update(facts(subject, side, timing, preset, config))
    benchmark.pedantic(unit, rounds=len(timing.seconds[side]))


def facts(
    subject: Subject, side: str, timing: Timing, preset: str, config: RunConfig
) -> dict[str, Any]:
    """Return what a reader of the record needs to know of one side's rounds."""
    counted = _operations(config)
    found: dict[str, Any] = {
        "subject": subject.name,
        "side": side,
        "over": subject.base,
        "ratio": asdict(timing.ratio(side, subject.base)),
        "preset": preset,
        "batch_size": config.train.batch_size,
        "parameters": counted["parameters"],
        "peak_memory": timing.peak_memory[side],
        "environment": environment(),
    }
    operations = counted.get(subject.name)
    if operations is not None and side not in subject.other_architectures:
        rate = operations / timing.median(side)
        found |= {"flops": operations, "flops_per_second": rate, "gemm_share": rate / gemm_peak()}
    return found


@cache
def _operations(config: RunConfig) -> dict[str, int]:
    return unet_operations(config)
