"""How times that were measured in turn come into pytest-benchmark's record.

pytest-benchmark times one function after the other. Ours were measured alternately, in processes of
their own, before it asks: its clock is ours, and moves on by what was measured.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from bench.benchmarks import Benchmark
from bench.peers import operations_of_lucidrains
from ddpm.config import RunConfig
from ddpm_study.run.environment import environment, version
from ddpm_study.timing import TimedProcess, Timing
from ddpm_study.timing.machine import Product, fastest_product, unet_operations

PEERS = ("diffusers", "denoising-diffusion-pytorch")
PRODUCT = "matrix product"  # the side that shares are of, measured in each round with the others


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


CLOCK = Clock()


def record(
    benchmark: Any,
    subject: Benchmark,
    side: str,
    timing: Timing,
    preset: str,
    config: RunConfig,
    threads: int | None = None,
) -> None:
    """Hand one side's rounds, and what they mean, to a fixture whose timer is `CLOCK`."""
    rounds = iter(timing.seconds[side])

    def unit() -> None:
        CLOCK.now += next(rounds)

    benchmark.group = subject.name
    benchmark.extra_info.update(facts(subject, side, timing, preset, config, threads))
    benchmark.pedantic(unit, rounds=len(timing.seconds[side]))


def facts(
    subject: Benchmark,
    side: str,
    timing: Timing,
    preset: str,
    config: RunConfig,
    threads: int | None = None,
) -> dict[str, Any]:
    """Return what a reader of the record needs to know of one side's rounds.

    Args:
        subject: what was timed.
        side: of whom.
        timing: of all sides of the subject.
        preset: the model's name.
        config: the model and its batch.
        threads: how many each process was told to use; None if none was told.
    """
    counted = _operations_of_lucidrains(config) if side == "lucidrains" else _operations(config)
    found: dict[str, Any] = {
        "subject": subject.name,
        "side": side,
        "over": subject.base,
        "ratio": asdict(timing.ratio(side, subject.base)),
        "preset": preset,
        "batch_size": config.train.batch_size,
        "parameters": counted["parameters"],
        "peak_memory": timing.peak_memory[side],
        "memory_growth": timing.memory_growth.get(side),
        "environment": environment() | ({} if threads is None else {"threads": str(threads)}),
        "peers": {name: version(name) for name in PEERS},
    }
    if subject.name in counted:
        rate = counted[subject.name] / timing.median(side)
        found["flops"], found["flops_per_second"] = counted[subject.name], rate
        found["gemm_share"] = _share(timing, side, counted[subject.name], threads)
    return found


def _share(timing: Timing, side: str, operations: int, threads: int | None) -> dict[str, float]:
    """Return a side's rate over that of the matrix product in the same round, with its spread."""
    product = yardstick(threads)
    ratio = timing.ratio(PRODUCT, side)
    each = operations / product.operations
    return {name: getattr(ratio, name) * each for name in ("low", "median", "high")} | {
        "size": product.size,
        "product_flops_per_second": product.operations / timing.median(PRODUCT),
    }


@cache
def _operations(config: RunConfig) -> dict[str, int]:
    return unet_operations(config)


@cache
def _operations_of_lucidrains(config: RunConfig) -> dict[str, int]:
    return operations_of_lucidrains(config)


@cache
def yardstick(threads: int | None) -> Product:
    """Return the fastest matrix product at so many threads, sought once."""
    return fastest_product(environment_of(threads))


def sides_of(subject: Benchmark, config: RunConfig, threads: int | None) -> dict[str, TimedProcess]:
    """Return the processes of a subject, with a matrix product where its operations are counted."""
    environment = environment_of(threads)
    sides = subject.sides(config, environment)
    if subject.name in _operations(config):
        sides[PRODUCT] = yardstick(threads).side(environment)
    return sides


def environment_of(threads: int | None) -> dict[str, str]:
    """Return the variables by which each process is told how many threads to use, and how."""
    told = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"), **told}
