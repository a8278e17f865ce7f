"""`parity record-steps` and `parity check-steps` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.cli import main
from parity.report.report import Report

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(5):
    optimizer.zero_grad()
    loss = net(torch.randn(6, 3)).square().mean()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "wrong.py").write_text(SCRIPT.replace("lr=0.01", "lr=0.02"))
    (tmp_path / "other.py").write_text(SCRIPT.replace("nn.Linear(4, 2)", "nn.Linear(4, 5)"))
    (tmp_path / "broken.py").write_text(SCRIPT + "1 / 0\n")
    assert main(["record-steps", "run.parity", "--steps", "0,2", "--", "python", "train.py"]) == 0
    return tmp_path


def test_a_recording_says_where_it_is_and_how_large(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record-steps", "again.parity", "--steps", "0,2", "--", "train.py"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("again.parity: steps 0, 2 of the training loop, 0.")
    assert last.endswith(" MiB")


def test_the_same_script_agrees(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-steps", "run.parity", "--", "python", "train.py"]) == 0
    assert "run.parity: agree" in capsys.readouterr().out


def test_a_fault_is_named_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check-steps", "run.parity", "--json", "r.json", "--html", "r.html"]
    assert main([*command, "--", "wrong.py"]) == 1
    text = capsys.readouterr().out
    assert "0, scheduler: lr of weight at step 0" in text
    report = Report.load("r.json")
    assert report.first_divergence is not None
    assert report.first_divergence.phase == "scheduler"
    assert "lr of weight at step 0" in Path("r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["check-steps", "none.parity", "--", "train.py"],
            "none.parity does not exist; give a file that parity record-steps",
        ),
        (["check-steps", "train.py", "--", "train.py"], "train.py is no complete"),
        (["check-steps", "run.parity", "--", "no.py"], "there is no script no.py"),
        (["check-steps", "run.parity"], "give the training script after --"),
        (["check-steps", "run.parity", "--", "other.py"], "is (2, 4) in the reference"),
        (["check-steps", "run.parity", "--rename", "a", "--", "train.py"], "NAME=VALUE"),
        (["check-steps", "run.parity", "--accept", "x=y", "--", "train.py"], "'x' is none of"),
        (["record-steps", "new.parity", "--steps", "x", "--", "train.py"], "--steps x: give"),
        (["record-steps", "new.parity", "--steps", "0", "--", "train.py"], "--steps 0: give"),
        (["record-steps", "new.parity", "--steps=-2", "--", "train.py"], "--steps -2: give"),
        (["record-steps", "new.parity"], "give the training script after --"),
        (["record-steps", "no/new.parity", "--steps", "9", "--", "broken.py"], "ZeroDivisionError"),
        (["record-steps", "new.parity", "--steps", "9", "--", "broken.py"], "broken.py:13"),
        (["record-steps", ".", "--", "train.py"], "is a folder"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    before = {path for path in folder.rglob("*") if path.is_file()}
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("parity: ")
    assert error.count("\n") == 1
    assert {path for path in folder.rglob("*") if path.is_file()} == before


def test_a_record_of_a_side_is_no_recording_of_steps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("nets.py").write_text("from torch import nn\ndef build():\n    return nn.Linear(3, 2)\n")
    named = ["--reference", "nets.py:build", "--input", "x=2,3"]
    assert main(["record", *named, "--stress", "plain", "--out", "side.parity"]) == 0
    assert main(["check-steps", "side.parity", "--", "train.py"]) == 2
    assert "holds no training steps" in capsys.readouterr().err
    assert main(["check", "--candidate", "nets.py:build", "--against", "run.parity"]) == 2
    assert "no record of this version" in capsys.readouterr().err
