"""Order, ratios and failures of processes whose times are made up."""

import itertools
import math
import random
from typing import ClassVar

import pytest

from ddpm_study.timing import MeasuringError, Ratio, TimedProcess, alternation
from ddpm_study.timing.alternation import alternate


class FakeProcess:
    """A worker that returns given times and logs each call."""

    log: ClassVar[list] = []
    seconds: ClassVar[dict] = {}
    peaks: ClassVar = itertools.repeat(1000)

    def __init__(self, name, process):
        self.name = name.split()[0]

    def measure(self):
        FakeProcess.log.append(self.name)
        return next(FakeProcess.seconds[self.name]), next(FakeProcess.peaks)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        FakeProcess.log.append(f"{self.name} closed")


@pytest.fixture
def fake_process(monkeypatch):
    monkeypatch.setattr(alternation, "RunningProcess", FakeProcess)
    FakeProcess.log, FakeProcess.peaks = [], itertools.repeat(1000)
    return FakeProcess


def test_processes_take_turns_and_none_is_always_first(fake_process):
    fake_process.seconds = {"a": iter([9, 1, 2, 3]), "b": iter([9, 2, 4, 9])}
    timing = alternate({"a": TimedProcess("x"), "b": TimedProcess("x")}, rounds=3, warmup=1)
    assert fake_process.log[:8] == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert sorted(fake_process.log[8:]) == ["a closed", "b closed"]
    assert timing.seconds == {"a": [1, 2, 3], "b": [2, 4, 9]}
    assert timing.ratio("b", "a").median == 2
    assert timing.median("b") == 4
    assert timing.peak_memory == {"a": 1000, "b": 1000}


def test_memory_grows_from_the_first_counted_round(fake_process):
    fake_process.seconds, fake_process.peaks = {"a": itertools.repeat(1)}, iter([5, 60, 70, 95])
    timing = alternate({"a": TimedProcess("x")}, rounds=3, warmup=1)
    assert timing.memory_growth == {"a": 35}
    assert timing.peak_memory == {"a": 95}


def test_the_interval_holds_the_median_as_often_as_it_says():
    draw = random.Random(0)
    held = 0
    for _ in range(2000):
        pairs = [math.exp(draw.gauss(0.3, 1)) for _ in range(15)]
        ratio = Ratio.of(pairs, [1.0] * 15)
        held += ratio.low <= math.exp(0.3) <= ratio.high
    assert 0.95 <= held / 2000 <= 0.98


def test_the_interval_of_fifteen_pairs_leaves_out_three_at_each_end():
    ratio = Ratio.of([float(i) for i in range(1, 16)], [1.0] * 15)
    assert (ratio.low, ratio.median, ratio.high, ratio.count) == (4, 8, 12, 15)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_of_few_pairs_the_interval_is_the_range(count):
    ratio = Ratio.of([float(i + 1) for i in range(count)], [1.0] * count)
    assert (ratio.low, ratio.high) == (1, count)


def test_what_is_no_pair_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        Ratio.of([1.0, 2.0], [1.0])


def workload(benchmark, options):
    """Return a work item that does nothing, raises or dies."""
    import os

    print("a library prints what it likes")

    def item():
        if benchmark == "raises":
            raise ValueError("two\nlines")
        if benchmark == "dies":
            os._exit(7)

    if benchmark == "broken":
        raise RuntimeError("no such thing")
    return item


HERE = "tests.ddpm_study.timing.test_alternation:workload"


def test_a_process_of_its_own_is_measured():
    timing = alternate({"a": TimedProcess("counts", {}, HERE)}, rounds=2, warmup=0)
    assert len(timing.seconds["a"]) == 2
    assert all(0 < seconds < 1 for seconds in timing.seconds["a"])
    assert timing.peak_memory["a"] > 2**20


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("raises", r"^a \(raises\) cannot be measured: ValueError: two lines$"),
        ("dies", r"^the process that measures a \(dies\) died \(exit status 7\)$"),
        ("broken", r"^a \(broken\) cannot be measured: RuntimeError: no such thing$"),
    ],
)
def test_a_process_that_fails_is_one_line(name, line):
    with pytest.raises(MeasuringError, match=line):
        alternate({"a": TimedProcess(name, {}, HERE)}, rounds=1, warmup=0)
