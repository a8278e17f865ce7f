"""The atlas as data: what was found for every entry, read from and written to JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from parity.errors import CannotCompare, one_line
from parity.verdict import Verdict
from safe_files import write_text

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was found for one entry.

    Attributes:
        group, name, torch, jittor, note: the entry's.
        verdict: the worst that was found, by name.
        cases: how many inputs it was judged on.
        findings: what does not pass strictly, as `Finding.as_json` gives it, the shown one first.
        shown: side -> {program, prints} of the first finding, empty where all agrees.
        mend: empty, or {source, verdict, mends, leaves, breaks}: the cases that it mends and its
            worst verdict there, the cases that still fail, and those that only it fails.
    """

    group: str
    name: str
    torch: str
    jittor: str
    note: str
    verdict: str
    cases: int
    findings: Sequence[Mapping[str, Any]] = ()
    shown: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    workaround: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ordinary(self) -> bool:
        """Whether the first finding was made on ordinary input, or without any."""
        return bool(self.findings) and self.findings[0]["case"] in ("ordinary", "")


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """Every line, and what they hold for."""

    versions: Mapping[str, str]
    lines: Sequence[Line]

    def counts(self) -> dict[str, Counter[str]]:
        """Return group -> verdict -> number of entries."""
        found: dict[str, Counter[str]] = {}
        for line in self.lines:
            found.setdefault(line.group, Counter())[line.verdict] += 1
        return found

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises:
            CannotWrite: the file cannot be written.
        """
        plain = {
            "schema": SCHEMA,
            "versions": dict(self.versions),
            "entries": [asdict(line) for line in self.lines],
        }
        write_text(path, json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read(path: Path) -> Atlas:
    """Read an atlas.

    Raises:
        CannotCompare: the file is not there, or is none.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["schema"] != SCHEMA:
            raise CannotCompare(f"{path} has schema {plain['schema']}, and {SCHEMA} is needed")
        lines = [Line(**entry) for entry in plain["entries"]]
        for line in lines:
            Verdict[line.verdict]
        return Atlas(versions=plain["versions"], lines=lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CannotCompare(f"{path} cannot be read: {one_line(error)}") from error
