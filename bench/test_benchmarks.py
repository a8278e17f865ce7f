"""Every subject, one line for each who takes part. Times are recorded and never asserted."""

from __future__ import annotations

from typing import Any

import pytest

from bench.benchmarks import SUBJECTS, is_there
from bench.conftest import Measured
from bench.pytest_benchmark_bridge import CLOCK

CASES = [
    pytest.param(
        subject.name,
        contender,
        id=f"{subject.name}-{contender.replace(' ', '_')}",
        marks=[
            *([pytest.mark.slow] if subject.slow else []),
            *(
                []
                if is_there(contender)
                else [pytest.mark.skip(reason=f"{contender} is not installed; see bench/peers.py")]
            ),
        ],
    )
    for subject in SUBJECTS.values()
    for contender in subject.contenders
]


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize(("subject", "contender"), CASES)
def test_time(benchmark: Any, measured: Measured, subject: str, contender: str) -> None:
    measured(benchmark, subject, contender)
