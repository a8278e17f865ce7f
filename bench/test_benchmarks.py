"""Every benchmark, one test for each implementation. Times are recorded and never asserted."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarks import BENCHMARKS, Benchmark, is_installed
from bench.conftest import Measured
from bench.pytest_benchmark_bridge import CLOCK


def _marks(benchmark: Benchmark, implementation: str) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.slow] if benchmark.slow else []
    if not is_installed(implementation):
        reason = f"{implementation} is not installed; see bench/peers.py"
        marks.append(pytest.mark.skip(reason=reason))
    return marks


CASES = [
    pytest.param(
        benchmark.name,
        implementation,
        id=f"{benchmark.name}-{implementation.replace(' ', '_')}",
        marks=_marks(benchmark, implementation),
    )
    for benchmark in BENCHMARKS.values()
    for implementation in benchmark.implementations
]


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize(("name", "implementation"), CASES)
def test_time(benchmark: Any, measured: Measured, name: str, implementation: str) -> None:
    measured(benchmark, name, implementation)
