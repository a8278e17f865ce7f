"""`parity diff` from the command line: a report of two records, a matrix of more."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import Report
from parity.cli import main

NETS = """
from torch import nn

def good():
    return nn.Sequential(nn.Linear(3, 3), nn.Tanh())

def bad():
    return nn.Sequential(nn.Linear(3, 3), nn.Sigmoid())
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Records `first`, and `good` and `bad` like it; returns the module's file name."""
    name = f"diff_{tmp_path.name}.py"
    (tmp_path / name).write_text(NETS)
    monkeypatch.chdir(tmp_path)
    words = ["record", "--reference", f"{name}:good", "--input", "4,3", "--stress", "plain"]
    assert main([*words, "--out", "first"]) == 0
    for side in ("good", "bad"):
        words = ["record", "--candidate", f"{name}:{side}", "--like", "first", "--out", side]
        assert main(words) == 0
    return name


def test_two_records_give_a_report(nets: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "first", "good", "--json", "report.json"]) == 0
    assert main(["diff", "first", "bad"]) == 1
    out = capsys.readouterr().out
    assert "first against good: agree (IDENTICAL" in out
    assert "at 1, forward: output" in out
    assert Report.load("report.json").passed


def test_more_records_give_a_matrix(nets: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["diff", "first", "good", "bad"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["first", "good"],
        ["good", "IDENTICAL"],
        ["bad", "SEMANTIC_DIFFERENCE", "SEMANTIC_DIFFERENCE"],
    ]
    assert [line.partition(",")[0] for line in lines[3:]] == [
        "bad against first: 1",
        "bad against good: 1",
    ]


def test_records_that_part_from_the_first_alike_agree_with_each_other(
    nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("same").write_bytes(Path("bad").read_bytes())
    capsys.readouterr()
    assert main(["diff", "first", "bad", "same"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["same", "SEMANTIC_DIFFERENCE", "IDENTICAL"]


def test_a_record_that_cannot_be_compared_keeps_no_other_from_it(
    nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["diff", "first", "gone", "good", "bad"]) == 2
    shown = capsys.readouterr()
    assert "gone does not exist" in shown.err
    assert shown.out.splitlines()[2].startswith("bad")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("diff first", "name two or more"),
        ("diff first good good", "a record is named twice"),
        ("diff first ./first", "a record is named twice"),
        ("diff good first", "make it with parity record … --like good"),
        ("diff first gone", "gone does not exist"),
        ("diff first good bad --json x", "--json writes the report of two records"),
        ("record --reference NETS:good --like first --out x", "say --candidate for --reference"),
        ("record --candidate NETS:good --like first --stress plain --out x", "leave the options"),
        ("record --candidate NETS:good --like good --out x", "recorded like another record"),
    ],
)
def test_bad_input_is_one_line(
    words: str, line: str, nets: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(words.replace("NETS", nets).split()) == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
    assert not Path("x").exists()
