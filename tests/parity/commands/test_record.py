"""`parity record` and `parity check --against` from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from parity.cli import main

PAIRS = """
import numpy as np
from torch import nn
from parity import Pair

def pair(name, candidate):
    return Pair(name=name, reference=lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh()),
                candidate=candidate, stress_inputs=("plain",),
                inputs=lambda rng: {"input": rng.standard_normal((4, 3), np.float32)})

good = pair("good", lambda: nn.Sequential(nn.Linear(3, 3), nn.Tanh()))
bad = pair("a bad one", lambda: nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()))
def tanh():
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh())
number = 3

def broken_builder():
    raise ValueError("no model")

broken = Pair(name="broken", reference=broken_builder, candidate=tanh, inputs=good.inputs)

class Waits(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.calls = 0

    def forward(self, input):
        self.calls += 1
        if self.calls == 5:
            import sys, threading
            print("running", flush=True)
            threading.Event().wait()
        return self.linear(input)

waits = Pair(name="waits", reference=Waits, candidate=tanh, inputs=good.inputs)
"""


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"record_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PAIRS)
    monkeypatch.chdir(tmp_path)
    return name


def test_recorded_here_and_judged_there(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", f"{pairs}.py:good", "--out", "good.parity"]) == 0
    before, after = capsys.readouterr().out.splitlines()
    assert before.startswith("good.parity: at most 0.")
    assert after.startswith("good.parity: the reference of good, 0.")
    assert main(["check", f"{pairs}.py:good", "--against", "good.parity"]) == 0
    assert main(["check", f"{pairs}.py:bad", "--against", "good.parity"]) == 1
    out = capsys.readouterr().out
    assert "a bad one: DISAGREE" in out
    assert "note: the reference was recorded in good.parity" in out


def test_several_pairs_have_a_folder(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", f"{pairs}.py:good", f"{pairs}.py:bad", "--out", "records"]) == 0
    assert sorted(path.name for path in Path("records").iterdir()) == [
        "a_bad_one.parity",
        "good.parity",
    ]
    assert main(["check", f"{pairs}.py:good", f"{pairs}.py:bad", "--against", "records"]) == 1
    assert capsys.readouterr().out.count("was recorded in") == 2


def test_builders_without_a_file_of_pairs(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The record brings the inputs, so that the judge names the candidate alone."""
    words = ["record", "--reference", f"{pairs}.py:tanh", "--input", "input=4,3", "--out", "x"]
    assert main(words) == 0
    assert main(["check", "--candidate", f"{pairs}.py:tanh", "--against", "x"]) == 0
    words[1] = "--candidate"
    assert main([*words, "--side", "candidate"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("record PAIRS.py:good --out x --places 9", "'9' matches no module"),
        ("record PAIRS.py:good --out x --stress odd", "must be one or more of plain"),
        ("record PAIRS.py:good PAIRS.py:good --out x", "give them names"),
        ("record PAIRS.py:good PAIRS.py:bad --out PAIRS.py", "is a file, and a folder"),
        ("record PAIRS.py:number --out x", "holds int"),
        ("record --out x", "nothing to compare"),
        ("record PAIRS.py:good", "--out"),
        ("record --candidate PAIRS.py:tanh --input 3 --out x", "--reference is missing"),
        ("check --candidate PAIRS.py:tanh --against PAIRS.py", "no complete record"),
        ("check --reference PAIRS.py:tanh --against x", "leave it out"),
        ("check PAIRS.py:good --against gone", "gone does not exist"),
        ("check PAIRS.py:good --against .", "has no record of 'good'"),
    ],
)
def test_bad_input_is_one_line(
    words: str, line: str, pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = words.replace("PAIRS", pairs).split()
    try:
        status = main(arguments)
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    error = capsys.readouterr().err
    assert status == 2
    assert line in error
    assert len(error.splitlines()) == 1
    assert not Path("x").exists() or Path("x").is_dir()


def test_a_record_that_may_not_fit_is_refused_before_it_is_made(
    pairs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    assert main(["record", f"{pairs}.py:good", "--out", "good.parity"]) == 2
    error = capsys.readouterr().err
    assert "good.parity may take 0." in error
    assert "MiB are free: free some space" in error
    assert not Path("good.parity").exists()


def test_one_pair_that_cannot_be_recorded_does_not_keep_the_others(
    pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"{pairs}.py:broken", f"{pairs}.py:good"]
    assert main(["record", *words, "--out", "records"]) == 2
    assert [path.name for path in Path("records").iterdir()] == ["good.parity"]
    assert (
        "parity: broken: pair 'broken': the reference's builder raised" in capsys.readouterr().err
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, pairs: str) -> None:
    words = ["record", f"{pairs}.py:waits", "--out", "waits.parity"]
    process = subprocess.Popen(
        [sys.executable, "-c", f"from parity.cli import main; raise SystemExit(main({words!r}))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert any(line.startswith("running") for line in process.stdout)
    process.send_signal(number)
    _, error = process.communicate()
    assert process.returncode == 2
    assert "parity: stopped; nothing was written" in error
    assert not [path for path in Path().iterdir() if "waits" in path.name]
