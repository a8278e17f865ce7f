"""Options of `pytest bench`, and the fixtures that its subjects share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.benchmarks import BENCHMARKS, Benchmark
from bench.pytest_benchmark_bridge import record, sides_of
from ddpm.config import PRESETS, RunConfig, preset
from ddpm.errors import InputError
from ddpm_study.timing import MeasuringError, Timing, alternate

Measured = Callable[[Any, str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bench", "benchmarks of both frameworks and their peers")
    group.addoption("--preset", default="tiny", choices=list(PRESETS), help="model and batch")
    group.addoption("--batch-size", type=int, help="images in a step; default: the preset's")
    group.addoption("--base-channels", type=int, help="a wider or narrower model than the preset's")
    group.addoption("--rounds", type=int, default=15, help="alternated rounds of each subject")
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
    """Return a function that times all sides of a subject in turn, once."""
    option = request.config.getoption
    done: dict[str, Timing | MeasuringError] = {}

    def time(subject: Benchmark) -> Timing:
        if subject.name not in done:
            try:
                done[subject.name] = alternate(
                    sides_of(subject, config, option("threads")),
                    rounds=min(option("rounds"), subject.most_rounds),
                    warmup=subject.warmup,
                    progress=subject.name,
                )
            except MeasuringError as error:  # once, and not again for each of its sides
                done[subject.name] = error
        found = done[subject.name]
        if isinstance(found, MeasuringError):
            pytest.fail(str(found), pytrace=False)
        return found

    return time


@pytest.fixture
def measured(
    request: pytest.FixtureRequest, config: RunConfig, timings: Callable[..., Timing]
) -> Measured:
    """Return a function that puts one side's share of a subject into pytest-benchmark's record."""

    def measure(benchmark: Any, name: str, side: str) -> None:
        subject, option = BENCHMARKS[name], request.config.getoption
        model, channels = option("preset"), option("base_channels")
        if channels is not None:
            model += f", {channels} base channels"
        record(benchmark, subject, side, timings(subject), model, config, option("threads"))

    return measure
