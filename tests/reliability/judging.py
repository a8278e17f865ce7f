"""The rules that every command keeps, whatever its input."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from tests.reliability.case import EITHER, REFUSED, WARNED, Case
from tests.reliability.forked import Outcome

MOST_MEMORY = 2 << 30
LONGEST_LINE = 700
_PROGRESS = re.compile(r"\d+%\|.*\||\d+(it|step|entry|case) \[|^\[\d+/\d+\] ")
_START = re.compile(r"^(ddpm|parity|audit|bench|python -m (audit|bench))\b")

State = dict[str, tuple[object, ...]]


def state(folder: Path) -> State:
    """Return what a folder holds, to be compared with what it holds later."""
    found: State = {}
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(root, name)
            facts = os.lstat(path)
            content: object = None
            if stat.S_ISREG(facts.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read(1 << 20)).hexdigest()
            elif stat.S_ISLNK(facts.st_mode):
                content = os.readlink(path)
            size = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
            found[os.path.relpath(path, folder)] = (facts.st_mode, size, content)
    return found


def lines_of(err: str) -> list[str]:
    """Return the lines of standard error, progress bars left out."""
    last = [line.rpartition("\r")[2].strip() for line in err.split("\n")]
    return [line for line in last if line and not _PROGRESS.search(line)]


def faults(case: Case, expected: str, outcome: Outcome, before: State, after: State) -> list[str]:
    """Return what is wrong with how a command ended; nothing where it kept every rule."""
    found = []
    if outcome.hung:
        found.append("hung")
    if "Traceback (most recent call last)" in outcome.err:
        found.append("traceback")
    if outcome.peak > MOST_MEMORY:
        found.append("memory")
    is_refusal = expected == REFUSED or (expected == EITHER and outcome.status == 2)
    if expected == REFUSED and outcome.status in case.statuses and not outcome.hung:
        found.append("accepted in silence")
    elif is_refusal and outcome.status != 2 and not outcome.hung:
        found.append(f"status {outcome.status}")
    if expected != REFUSED and not is_refusal and outcome.status not in case.statuses:
        found.append(f"status {outcome.status}, {expected}")
    if expected == WARNED and sum(bool(_START.search(x)) for x in lines_of(outcome.err)) != 1:
        found.append("no warning")
    if is_refusal and outcome.status == 2:
        found += _faults_of_line(case, outcome)
        if after != before:
            changed = sorted(n for n in before | after if before.get(n) != after.get(n))
            found.append(f"files changed: {', '.join(changed[:3])}")
    return found


def _faults_of_line(case: Case, outcome: Outcome) -> list[str]:
    lines = lines_of(outcome.err)
    if case.words[0] == "parity" and sum(bool(_START.search(line)) for line in lines) == 1:
        lines = [line for line in lines if _START.search(line)]  # module trees may stand below
    if len(lines) != 1:
        return [f"{len(lines)} lines"]
    found = []
    if not _START.search(lines[0]):
        found.append("the line does not name the program")
    if len(lines[0]) > LONGEST_LINE:
        found.append("the line is too long")
    if case.mentions and not any(word in lines[0] for word in case.mentions):
        found.append("the line does not say where")
    if outcome.out:
        found.append("standard output")
    return found
