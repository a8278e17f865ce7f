"""Runs the jobs of an audit in turn and keeps each record as soon as it is made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from ddpm.errors import InputError
from safe_files.reading import CannotRead, read_text

SCHEMA = "ddpm-audit/2"
Record = dict[str, Any]
# A key that stays the same from run to run, and the function that makes the record.
Job = tuple[str, Callable[[], Record]]


def run(jobs: Sequence[Job], journal: Path, *, fresh: bool = False) -> list[Record]:
    """Do every job that the journal lacks, and return the records of all of them in order.

    Args:
        jobs: the jobs.
        journal: JSON lines, appended to after each job; a truncated line is done again.
        fresh: whether to empty the journal first.

    Raises:
        InputError: the journal cannot be written.
    """
    done = {} if fresh else read(journal)
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            journal.unlink(missing_ok=True)
        with journal.open("a+", encoding="utf-8") as file:
            _end_last_line(file)
            for key, job in tqdm(jobs, desc="audit", unit="case"):
                if key not in done:
                    done[key] = job()
                    line = {"schema": SCHEMA, "key": key, **done[key]}
                    file.write(json.dumps(line, allow_nan=False) + "\n")
                    file.flush()
    except OSError as error:
        raise InputError(f"{journal} cannot be written: {error.strerror}") from error
    return [done[key] for key, _ in jobs]


def _end_last_line(file: TextIO) -> None:
    """End a line that a killed run left, so that the next record has one of its own."""
    end = file.seek(0, os.SEEK_END)
    with open(file.fileno(), "rb", closefd=False) as raw:
        if end and raw.seek(end - 1) and raw.read(1) != b"\n":
            file.write("\n")


def read(journal: Path) -> dict[str, Record]:
    """Return the records of a journal by key; none of another schema, none without a journal."""
    records: dict[str, Record] = {}
    if os.path.lexists(journal):
        try:
            text = read_text(journal)
        except CannotRead as error:
            raise InputError(f"{error}; give another --out") from None
        for line in text.splitlines():
            try:
                values = json.loads(line)
                schema, key = values.pop("schema"), values.pop("key")
            except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
                continue  # the last line of an interrupted run
            if schema == SCHEMA:
                records[key] = values
    return records
