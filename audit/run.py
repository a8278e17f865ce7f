"""The cases of an audit, one after the other, each kept as soon as it is judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from audit import baselines, double_faults, sensitivity, vacuity
from audit import mutants as _mutants  # noqa: F401  fills the list
from audit import rewrites as _rewrites  # noqa: F401
from audit.case import MUTANTS, REWRITES
from audit.evaluate import record
from ddpm.errors import InputError

Job = tuple[str, Callable[[], dict[str, Any]]]
SETS = ("mutant", "rewrite", "double", "drawn", "vacuity", "curve", "field")
# Of the quick part, each so-and-so-many-th; the rest adds breadth, no other kind.
QUICK = 8


def jobs(only: Sequence[str], quick: bool) -> Iterator[Job]:
    """List what is to be done, by a key that stays.

    Raises:
        InputError: a name in `only` is neither a set nor a class of fault.
    """
    cases = [("mutant", case) for case in MUTANTS] + [("rewrite", case) for case in REWRITES]
    kinds = {case.kind for _, case in cases}
    unknown = sorted(set(only) - kinds - set(SETS))
    if unknown:
        known = ", ".join([*SETS, *sorted(kinds)])
        raise InputError(f"--only {unknown[0]}: there is no such part; choose from {known}")
    for number, (name, case) in enumerate(cases):
        wanted = not only or name in only or case.kind in only
        if wanted and not (quick and number % QUICK):
            yield f"{name}/{case.kind}/{case.side}/{case.name}", partial(record, case)
    if "drawn" in only or not only:
        yield from _drawn(quick)
    further = {
        "double": double_faults,
        "vacuity": vacuity,
        "curve": sensitivity,
        "field": baselines,
    }
    for name, module in further.items():
        if name in only or not (only or quick):
            yield from module.jobs()


def _drawn(quick: bool) -> Iterator[Job]:
    try:
        from audit.draws import evaluate
    except ModuleNotFoundError as error:
        raise InputError(f"no {error.name}, which draws: pip install -e '.[test]'") from error
    yield from evaluate.jobs(quick)


def run(todo: Sequence[Job], journal: Path, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Do every job that the journal has not, and return all their records in order.

    Args:
        todo: the jobs.
        journal: JSON lines, appended to after each job; a line cut short is done again.
        fresh: whether to begin anew.

    Raises:
        InputError: the journal cannot be written.
    """
    done = {} if fresh else read(journal)
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            journal.unlink(missing_ok=True)
        with journal.open("a", encoding="utf-8") as file:
            for key, job in tqdm(todo, desc="audit", unit="case"):
                if key not in done:
                    done[key] = job()
                    file.write(json.dumps({"key": key, **done[key]}, allow_nan=False) + "\n")
                    file.flush()
    except OSError as error:
        raise InputError(f"{journal} cannot be written: {error.strerror}") from error
    return [done[key] for key, _ in todo]


def read(journal: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a journal by key; none where there is no journal."""
    found: dict[str, dict[str, Any]] = {}
    if journal.exists():
        for line in journal.read_text(encoding="utf-8").splitlines():
            try:
                values = json.loads(line)
                found[values.pop("key")] = values
            except (ValueError, KeyError):
                continue  # the last line of a run that was cut off
    return found
