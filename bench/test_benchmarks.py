"""Every subject, one line for each who takes part. Times are recorded and never asserted."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarks import BENCHMARKS, is_there
from bench.conftest import Measured
from bench.pytest_benchmark_bridge import CLOCK

CASES = [
    pytest.param(
        subject.name,
        implementation,
        id=f"{subject.name}-{implementation.replace(' ', '_')}",
        marks=[
            *([pytest.mark.slow] if subject.slow else []),
            *(
                []
                if is_there(implementation)
                else [
                    pytest.mark.skip(
                        reason=f"{implementation} is not installed; see bench/peers.py"
                    )
                ]
            ),
        ],
    )
    for subject in BENCHMARKS.values()
    for implementation in subject.contenders
]


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize(("subject", "implementation"), CASES)
def test_time(benchmark: Any, measured: Measured, subject: str, implementation: str) -> None:
    measured(benchmark, subject, implementation)
