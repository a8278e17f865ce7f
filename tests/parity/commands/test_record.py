"""`parity record` and `parity check --against` from the command line."""

from __future__ import annotations

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
