"""A run that was interrupted goes on where it stopped, and mixes no two versions of the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.results import journal as journals
from audit.results.journal import read, run
from ddpm.errors import InputError


@pytest.fixture(autouse=True)
def _version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "digest", lambda: "one")


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    journal, calls = tmp_path / "a.jsonl", []

    def job(name: str) -> Any:
        return name, lambda: calls.append(name) or {"name": name}

    run(lambda: [job("a")], journal)
    journal.write_text(journal.read_text() + '{"schema": "ddpm-audit/2", "key": "b", "na')
    expected = [{"name": "a"}, {"name": "b"}]
    assert run(lambda: [job("a"), job("b")], journal) == expected
    assert calls == ["a", "b"]
    assert run(lambda: [job("a"), job("b")], journal) == expected, "the last line is whole"
    assert calls == ["a", "b"]
    run(lambda: [job("a")], journal, fresh=True)
    assert calls == ["a", "b", "a"]


def test_records_of_other_code_are_made_again_aloud_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "a.jsonl"

    def made_by(version: str) -> list[dict[str, Any]]:
        monkeypatch.setattr(journals, "digest", lambda: version)
        return run(
            lambda: [("a", lambda: {"by": version}), ("b", lambda: {"by": version})], journal
        )

    assert made_by("one") == [{"by": "one"}] * 2
    assert "other code" not in capsys.readouterr().err
    assert made_by("two") == [{"by": "two"}] * 2
    said = f"audit: 2 records in {journal} were made by other code and are not used"
    assert said in capsys.readouterr().err
    journal.write_text(journal.read_text().replace('"by": "one"', '"by": "kept"'))
    assert made_by("one") == [{"by": "kept"}] * 2, "who goes back to a version has its records"


@pytest.mark.parametrize(
    "line",
    [
        {"key": "a", "found": None},
        {"schema": "ddpm-audit/1", "key": "a", "code": "one"},
        {"schema": "ddpm-audit/2", "key": "a"},
    ],
)
def test_records_of_another_schema_are_made_again(line: dict[str, Any], tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    journal.write_text(json.dumps(line) + "\n")
    assert read(journal, "one") == ({}, 1)


@pytest.mark.parametrize("line", ["", "[]", "7", '{"schema": "ddpm-audit/2"}', '{"ke', "\x00"])
def test_what_is_no_record_is_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{line}\n")
    assert read(tmp_path / "a.jsonl", "one") == ({}, 0)


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"a\.jsonl cannot be (read|written): "):
        run(list, tmp_path / "file" / "a.jsonl")
    with pytest.raises(InputError, match=r"is a folder, not a file"):
        run(list, tmp_path)
