"""Runs the jobs of an audit and keeps each record as soon as it is made."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from audit.results import workers
from audit.results.code import digest
from audit.results.workers import Job, Record, Source
from ddpm.errors import InputError
from safe_files.reading import CannotRead, parse_json, read_bytes

SCHEMA = "ddpm-audit/2"


def run(source: Source, journal: Path, *, fresh: bool = False, processes: int = 1) -> list[Record]:
    """Do every job that the journal lacks, and return the records of all of them in order.

    Args:
        source: lists the jobs; with several processes it is called in each, and must be picklable.
        journal: JSON lines, appended to after each job; a truncated line is done again, and so is
            one that other code made.
        fresh: whether to empty the journal first.
        processes: how many do the jobs; 1 is this one alone.

    Raises:
        InputError: the journal cannot be read or written, or a process ended.
    """
    jobs, code = dict(source()), digest()
    done, others = ({}, 0) if fresh else read(journal, code)
    if others:
        print(
            f"audit: {others} records in {journal} were made by other code and are not used; they"
            " stay there, and --fresh removes them",
            file=sys.stderr,
        )
    pending = {key: job for key, job in jobs.items() if key not in done}
    progress = tqdm(total=len(jobs), initial=len(jobs) - len(pending), desc="audit", unit="case")
    with _appending(journal, fresh=fresh) as append, progress:
        for key, record in _records(source, pending, processes, code):
            done[key] = record
            append({"schema": SCHEMA, "code": code, "key": key, **record})
            progress.update()
    return [done[key] for key in jobs]


@contextmanager
def _appending(journal: Path, *, fresh: bool) -> Iterator[Callable[[Record], None]]:
    """Yield a function that appends a line to a journal, whole before it returns."""
    with _writing(journal):
        journal.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            journal.unlink(missing_ok=True)
        file = journal.open("a+b")
    with file:
        with _writing(journal):
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # ends a line that a killed run left

        def append(line: Record) -> None:
            with _writing(journal):
                file.write(json.dumps(line, allow_nan=False).encode() + b"\n")
                file.flush()

        yield append


@contextmanager
def _writing(journal: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{journal} cannot be written: {error.strerror}") from error


def _records(
    source: Source, pending: Mapping[str, Callable[[], Record]], processes: int, code: str
) -> Iterator[tuple[str, Record]]:
    if processes > 1 and len(pending) > 1:
        yield from workers.results(source, list(pending), processes=processes, code=code)
    else:
        for key, job in pending.items():
            yield key, job()


def read(journal: Path, code: str) -> tuple[dict[str, Record], int]:
    """Return the records of a journal by key that a version of the code made.

    And how many records other versions made, of any schema. A line that a killed run left is
    neither.

    Raises:
        InputError: the journal cannot be read.
    """
    records: dict[str, Record] = {}
    others = 0
    try:
        lines = read_bytes(journal).splitlines() if os.path.lexists(journal) else []
    except CannotRead as error:
        raise InputError(f"{error}; give another --out") from None
    for line in lines:
        try:
            values = parse_json(line)
            schema, key = values.pop("schema", None), values.pop("key")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            continue  # the last line of an interrupted run
        if schema == SCHEMA and values.pop("code", None) == code:
            records[key] = values
        else:
            others += 1
    return records, others


__all__ = ["SCHEMA", "Job", "Record", "read", "run"]
