"""`parity losses` from the command line: exit status, files, and bad input in one line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from parity.commands.losses import add_losses
from parity.errors import CannotCompare
from tests.parity.curves.runs import losses


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_losses(parser.add_subparsers())
    options = parser.parse_args(["losses", *words])
    options.command_line = "parity losses"
    status: int = options.command(options)
    return status


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Logs a, a1 … a8 of one setting, `good` of it too, `close` and `bad` above it."""
    monkeypatch.chdir(tmp_path)
    runs = {"a": losses(0, noise=1e-4), "good": losses(80, noise=1e-4)}
    runs |= {f"a{number}": losses(number, noise=1e-4) for number in range(1, 9)}
    runs |= {"close": runs["good"] * 1.0005, "bad": runs["good"] * 1.1}
    for name, values in runs.items():
        lines = [f"epoch 1 step {step} loss {loss!r}" for step, loss in enumerate(values.tolist())]
        Path(f"{name}.log").write_text("\n".join(lines) + "\n")
    return tmp_path


SPREAD = [word for n in range(1, 9) for word in ("--spread", f"a{n}.log")]


@pytest.mark.parametrize(
    ("words", "status", "verdict"),
    [
        (["a.log", "a.log"], 0, "identical"),
        (["a.log", "good.log"], 2, "no verdict"),
        (["a.log", "good.log", *SPREAD], 0, "within the spread"),
        (["a.log", "bad.log", *SPREAD], 1, "outside the spread"),
        (["a.log", "close.log", *SPREAD[:4]], 2, "cannot be told"),
        (["a.log", "bad.log", *SPREAD[:4], "--spread-b", "bad2.log"], 1, "outside the spread"),
    ],
)
def test_the_exit_status_follows_the_verdict(
    words: list[str], status: int, verdict: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Path("bad.log").read_text().splitlines()
    Path("bad2.log").write_text("".join(f"{line}1\n" for line in lines))
    assert run(*words) == status
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{words[0]} against {words[1]}: {verdict}")


def test_numbers_and_picture_are_written(logs: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("a.log", "bad.log", *SPREAD, "--json", "out/l.json", "--plot", "l.png") == 1
    data = json.loads(Path("out/l.json").read_text())
    assert (data["a"], data["b"], data["verdict"]) == ("a.log", "bad.log", "outside the spread")
    assert data["spread"]["outside_from"] == 0
    assert data["largest_relative_difference"] == pytest.approx(0.1 / 1.1, rel=0.01)
    assert Path("l.png").read_bytes().startswith(b"\x89PNG")


def test_column_and_tag_choose_the_loss(logs: Path) -> None:
    Path("a.csv").write_text("step,loss,other\n0,1,5\n1,2,6\n")
    Path("b.csv").write_text("step,loss,other\n0,3,5\n1,4,6\n")
    assert run("a.csv", "b.csv") == 2
    assert run("a.csv", "b.csv", "--column", "other") == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["a.log", "gone.log"], "gone.log does not exist"),
        (["a.log", "nan.log"], r"the curve of B \(nan.log\) is nan from step 1 on"),
        (["a.log", "good.log", "--spread", "nan.log"], r"of run 2 of A \(nan.log\) is nan from"),
        (["a.log", "good.log", "--spread-b", "nan.log"], r"of run 2 of B \(nan.log\) is nan from"),
        (["a.log", "good.log", "--spread", "a1.log"], "one further run shows no spread"),
        (["a.log", "far.log"], "the curves have no common step"),
    ],
)
def test_bad_input_is_one_line(words: list[str], line: str, logs: Path) -> None:
    Path("nan.log").write_text("step 0 loss 1.0\nstep 1 loss nan\n")
    Path("far.log").write_text("step 900 loss 1.0\n")
    with pytest.raises(CannotCompare, match=line):
        run(*words, "--json", "l.json")
    assert not Path("l.json").exists()


def test_curves_that_lack_steps_are_compared_at_the_others(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Path("a.log").read_text().splitlines(keepends=True)
    Path("short.log").write_text("".join(lines[:50]))
    assert run("a.log", "short.log") == 0
    assert "B (short.log) lacks steps 50, 51, 52 and 67 more" in capsys.readouterr().out
