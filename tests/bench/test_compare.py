"""A slower implementation is flagged, noise is not, and an unusable record is one line."""

import json

import pytest
from click.testing import CliRunner

from bench.__main__ import main

MACHINE = {"processor": "P", "cores": "2", "threads": "2", "torch": "2.13"}


def record(path, *, environment=MACHINE, **ratios):
    benchmarks = [
        {
            "extra_info": {
                "benchmark": "training_step",
                "implementation": name,
                "base": "torch",
                "preset": "tiny",
                "batch_size": 32,
                "environment": environment,
                "ratio": {"low": low, "median": median, "high": high, "count": 15},
            }
        }
        for name, (low, median, high) in {"torch": (1, 1, 1), **ratios}.items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks}))
    return str(path)


def compare(*paths):
    return CliRunner().invoke(main, ["compare", *map(str, paths)])


def test_a_fifth_slower_is_flagged(tmp_path):
    old = record(tmp_path / "old", jittor=(0.97, 1.0, 1.03), diffusers=(1.1, 1.2, 1.3))
    new = record(tmp_path / "new", jittor=(1.17, 1.2, 1.23), diffusers=(1.1, 1.2, 1.3))
    run = compare(old, new)
    assert run.exit_code == 1
    assert "jittor       / torch        1.00 (0.97 to 1.03) -> 1.20 (1.17 to 1.23)  SLOWER" in (
        run.output
    )
    assert "as before" in run.output
    assert run.output.endswith("1 of 2 ratios are slower\n")
    back = compare(new, old)
    assert back.exit_code == 0
    assert "faster" in back.output


def test_noise_is_not(tmp_path):
    old = record(tmp_path / "old", jittor=(0.8, 1.0, 1.25))
    new = record(tmp_path / "new", jittor=(0.95, 1.2, 1.5))
    run = compare(old, new)
    assert run.exit_code == 0
    assert run.output.endswith("0 of 1 ratios are slower\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "does not exist"),
        ("{", "is no JSON"),
        ("[]", "is no record of pytest bench"),
        ('{"benchmarks": [{"extra_info": {}}]}', "it lacks 'benchmark'"),
        ('{"benchmarks": []}', "no ratio of the same benchmark, implementations, preset and batch"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path, text, line):
    good = record(tmp_path / "good", jittor=(1, 1, 1))
    bad = tmp_path / "bad"
    if text is not None:
        bad.write_text(text)
    run = compare(good, bad)
    assert run.exit_code == 2
    assert line in run.output
    assert run.output.startswith("bench: ")
    assert run.output.count("\n") == 1


@pytest.mark.parametrize(
    "bounds", [(1, float("nan"), 2), (1, 2, float("inf")), (0, 1, 2), (3, 2, 1), ("1", "2", "3")]
)
def test_a_ratio_that_is_none_is_refused(tmp_path, bounds):
    good = record(tmp_path / "good", jittor=(1, 1, 1))
    run = compare(good, record(tmp_path / "bad", jittor=bounds))
    assert run.exit_code == 2
    assert "bad is no " in run.output
    assert run.output.count("\n") == 1


def test_records_that_share_their_base_alone_cannot_be_compared(tmp_path):
    old = record(tmp_path / "old", jittor=(1, 1, 1))
    run = compare(old, record(tmp_path / "new", diffusers=(1, 1, 1)))
    assert run.exit_code == 2
    assert "in common" in run.output


def test_what_is_no_longer_timed_is_said(tmp_path):
    old = record(tmp_path / "old", jittor=(1, 1, 1), diffusers=(1, 1, 1))
    run = compare(old, record(tmp_path / "new", jittor=(1, 1, 1)))
    assert run.exit_code == 0
    assert f"diffusers    tiny, batch 32: not in {tmp_path / 'new'}\n" in run.output
    assert run.output.endswith("0 of 1 ratios are slower\n")


@pytest.mark.parametrize("threads", ["1", "4"])
def test_records_of_different_threads_are_refused(tmp_path, threads):
    old = record(tmp_path / "old", jittor=(1, 1, 1))
    other = record(tmp_path / "new", environment=MACHINE | {"threads": threads}, jittor=(1, 1, 1))
    run = compare(old, other)
    assert run.exit_code == 2
    assert f"old was timed with 2 threads and {other} with {threads}, and" in run.output
    assert run.output.count("\n") == 1


def test_as_many_threads_as_cores_is_that_number(tmp_path):
    untold = MACHINE | {"threads": "as many as cores"}
    old = record(tmp_path / "old", jittor=(1, 1, 1))
    new = record(tmp_path / "new", environment=untold, jittor=(1, 1, 1))
    assert compare(old, new).output == compare(old, old).output
    more = record(tmp_path / "more", environment=untold | {"cores": "8"}, jittor=(1, 1, 1))
    assert compare(old, more).exit_code == 2


def test_another_machine_or_version_is_said(tmp_path):
    old = record(tmp_path / "old", jittor=(1, 1, 1))
    other = MACHINE | {"processor": "Q", "torch": "2.14"}
    run = compare(old, record(tmp_path / "new", environment=other, jittor=(1, 1, 1)))
    assert run.exit_code == 0
    assert run.output.startswith("note: processor was P, is Q\nnote: torch was 2.13, is 2.14\n")
    assert "note:" not in compare(old, old).output
