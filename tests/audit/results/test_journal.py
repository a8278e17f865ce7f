"""A run that was interrupted goes on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.results.journal import read, run
from ddpm.errors import InputError


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    journal, calls = tmp_path / "a.jsonl", []

    def job(name: str) -> Any:
        return name, lambda: calls.append(name) or {"name": name}

    run([job("a")], journal)
    journal.write_text(journal.read_text() + '{"schema": "ddpm-audit/2", "key": "b", "na')
    assert run([job("a"), job("b")], journal) == [{"name": "a"}, {"name": "b"}]
    run([job("a"), job("b")], journal)
    assert calls == ["a", "b"], "the record after a cut line is kept as well"
    run([job("a")], journal, fresh=True)
    assert calls == ["a", "b", "a"]


def test_records_of_another_schema_are_made_again(tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    journal.write_text(json.dumps({"key": "a", "found": None}) + "\n")
    assert read(journal) == {}
    journal.write_text(json.dumps({"schema": "ddpm-audit/1", "key": "a"}) + "\n")
    assert read(journal) == {}


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"a\.jsonl cannot be written: "):
        run([], tmp_path / "file" / "a.jsonl")
