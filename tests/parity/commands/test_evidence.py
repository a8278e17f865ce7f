from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from parity.cli import main

EXAMPLE = Path(__file__).parents[3] / "reports" / "example" / "parity.json"


def test_a_page_is_written_and_the_status_is_that_of_the_comparisons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, "parity.json")
    assert main(["evidence", "parity.json", "--md", "EVIDENCE.md", "--language", "both"]) == 0
    assert capsys.readouterr().out == "EVIDENCE.md: 1 comparison, 0 that differ\n"
    text = Path("EVIDENCE.md").read_text(encoding="utf-8")
    assert "U-Net, tiny" in text
    assert "移植" in text


def test_only_a_page_of_its_own_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, "parity.json")
    Path("README.md").write_text("mine")
    assert main(["evidence", "parity.json", "--md", "README.md"]) == 2
    assert "has not written it: name another file" in capsys.readouterr().err
    assert Path("README.md").read_text() == "mine"
    assert main(["evidence", "parity.json", "--md", "parity.json"]) == 2
    assert "is one of the files that it is made from" in capsys.readouterr().err
    assert [main(["evidence", "parity.json", "--md", "E.md"]) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["none.json", "--md", "EVIDENCE.md"], "none.json"),
        (["parity.json", "--md", "file/EVIDENCE.md"], "cannot be written"),
    ],
)
def test_bad_input_is_2_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], text: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, "parity.json")
    Path("file").write_text("no folder")
    assert main(["evidence", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert text in lines[0]
    assert not Path("EVIDENCE.md").exists()
