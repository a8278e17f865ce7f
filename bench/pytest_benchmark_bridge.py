"""Transfer of times that were measured in turn into pytest-benchmark's record.

pytest-benchmark times one function after the other. Here all implementations were measured in turn
beforehand, in their own processes; pytest-benchmark gets a clock that advances by the measured
times.
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
PRODUCT = "matrix product"  # a process of its own, timed in each round with the implementations


class Clock:
    """A clock that advances only when its `now` is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


CLOCK = Clock()


def record(
    fixture: Any,
    benchmark: Benchmark,
    implementation: str,
    timing: Timing,
    preset: str,
    config: RunConfig,
    threads: int | None = None,
) -> None:
    """Pass one implementation's rounds and facts to a benchmark fixture whose timer is `CLOCK`."""
    rounds = iter(timing.seconds[implementation])

    def advance() -> None:
        CLOCK.now += next(rounds)

    fixture.group = benchmark.name
    fixture.extra_info.update(facts(benchmark, implementation, timing, preset, config, threads))
    fixture.pedantic(advance, rounds=len(timing.seconds[implementation]))


def facts(
    benchmark: Benchmark,
    implementation: str,
    timing: Timing,
    preset: str,
    config: RunConfig,
    threads: int | None = None,
) -> dict[str, Any]:
    """Return the entry of the record beside the times themselves.

    Args:
        benchmark: what was timed.
        implementation: whose facts.
        timing: of all implementations of the benchmark.
        preset: the model's name.
        config: the model and its batch.
        threads: of each process; None for the default.
    """
    lucidrains = implementation == "lucidrains"
    counted = _operations_of_lucidrains(config) if lucidrains else _operations(config)
    entry: dict[str, Any] = {
        "benchmark": benchmark.name,
        "implementation": implementation,
        "base": benchmark.base,
        "ratio": asdict(timing.ratio(implementation, benchmark.base)),
        "preset": preset,
        "batch_size": config.train.batch_size,
        "parameters": counted["parameters"],
        "peak_memory": timing.peak_memory[implementation],
        "memory_growth": timing.memory_growth.get(implementation),
        "environment": environment() | ({} if threads is None else {"threads": str(threads)}),
        "peers": {name: version(name) for name in PEERS},
    }
    if benchmark.name in counted:
        operations = counted[benchmark.name]
        entry["flops"] = operations
        entry["flops_per_second"] = operations / timing.median(implementation)
        entry["gemm_share"] = _share(timing, implementation, operations, threads)
    return entry


def _share(
    timing: Timing, implementation: str, operations: int, threads: int | None
) -> dict[str, float]:
    """Return the rate of operations relative to the matrix product in the same round."""
    product = reference_product(threads)
    ratio = timing.ratio(PRODUCT, implementation)
    factor = operations / product.operations
    return {name: getattr(ratio, name) * factor for name in ("low", "median", "high")} | {
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
def reference_product(threads: int | None) -> Product:
    """Return the fastest matrix product with so many threads, measured once."""
    return fastest_product(environment_of(threads))


def processes_of(
    benchmark: Benchmark, config: RunConfig, threads: int | None
) -> dict[str, TimedProcess]:
    """Return the processes of a benchmark, and a matrix product if its operations are counted."""
    variables = environment_of(threads)
    processes = benchmark.processes(config, variables)
    if benchmark.name in _operations(config):
        processes[PRODUCT] = reference_product(threads).process(variables)
    return processes


def environment_of(threads: int | None) -> dict[str, str]:
    """Return the environment variables that set the threads of each process."""
    number = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    return {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"), **number}
