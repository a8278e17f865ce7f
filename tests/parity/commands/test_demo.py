"""`parity demo` finds the fault that it shows, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity.cli import main


def test_the_fault_is_found_where_it_is_and_its_repair_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    out = capfd.readouterr().out
    before, after = out.split("Now parity-demo/port.py has what the original has")
    assert "DISAGREE" in before
    assert "at blocks.0.norm, forward: output" in before
    assert "eps=0.001" in before
    assert ": agree (" in after
    assert (tmp_path / "parity-demo" / "port.py").is_file()


def test_files_that_exist_stay_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "port.py").write_text("mine")
    assert main(["demo", str(tmp_path)]) == 2
    assert "port.py exists: choose another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["port.py"]
    assert (tmp_path / "port.py").read_text() == "mine"


def test_without_pytorch_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("parity.commands.demo.find_spec", lambda name: None)
    assert main(["demo", str(tmp_path / "new")]) == 2
    assert "pip install torch" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
