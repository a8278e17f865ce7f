"""Options of `pytest bench`, and the fixtures that its benchmarks share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.benchmarks import BENCHMARKS, Benchmark
from bench.pytest_benchmark_bridge import processes_of, record
from ddpm.config import PRESETS, RunConfig, preset
from ddpm.errors import InputError
from ddpm_study.timing import MeasuringError, Timing, alternate

Measured = Callable[[Any, str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "benchmarks of both implementations and their peers")
    group.addoption("--preset", default="tiny", choices=list(PRESETS), help="model and batch")
    group.addoption("--batch-size", type=int, help="images in a step; default: the preset's")
    group.addoption("--base-channels", type=int, help="a wider or narrower model than the preset's")
    group.addoption("--rounds", type=int, default=15, help="alternating rounds of each benchmark")
    group.addoption("--threads", type=int, help="of each process; default: as many as cores")


@pytest.fixture(scope="session")
def config(request: pytest.FixtureRequest) -> RunConfig:
    """Return the configuration that is timed."""
    option = request.config.getoption
    chosen = preset(option("preset"))
    size, channels = option("batch_size"), option("base_channels")
    size = chosen.train.batch_size if size is None else size
    channels = chosen.unet.base_channels if channels is None else channels
    try:
        return chosen.with_(
            unet={"base_channels": channels},
            train={"batch_size": size},
            sample={"batch_size": size},
        )
    except InputError as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture(scope="session")
def timings(request: pytest.FixtureRequest, config: RunConfig) -> Callable[..., Timing]:
    """Return a function that times all implementations of a benchmark in turn, once."""
    option = request.config.getoption
    results: dict[str, Timing | MeasuringError] = {}

    def time(benchmark: Benchmark) -> Timing:
        if benchmark.name not in results:
            try:
                results[benchmark.name] = alternate(
                    processes_of(benchmark, config, option("threads")),
                    rounds=min(option("rounds"), benchmark.most_rounds),
                    warmup=benchmark.warmup,
                    progress=benchmark.name,
                )
            except MeasuringError as error:  # kept, so as not to fail anew for each implementation
                results[benchmark.name] = error
        result = results[benchmark.name]
        if isinstance(result, MeasuringError):
            pytest.fail(str(result), pytrace=False)
        return result

    return time


@pytest.fixture
def measured(
    request: pytest.FixtureRequest, config: RunConfig, timings: Callable[..., Timing]
) -> Measured:
    """Return a function that records one implementation's times in pytest-benchmark."""

    def measure(fixture: Any, name: str, implementation: str) -> None:
        benchmark, option = BENCHMARKS[name], request.config.getoption
        model, channels = option("preset"), option("base_channels")
        if channels is not None:
            model += f", {channels} base channels"
        timing = timings(benchmark)
        record(fixture, benchmark, implementation, timing, model, config, option("threads"))

    return measure
