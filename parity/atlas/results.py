"""Holds the results of a survey, and reads and writes them as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from parity.atlas.cases import ORDINARY
from parity.atlas.finding import Finding, finding_from_json
from parity.errors import CannotCompare, one_line
from parity.verdict import Verdict
from safe_files import write_text
from safe_files.reading import CannotRead, read_json, show

SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that shows a finding, and what it printed when it was run."""

    code: str
    output: str


@dataclass(frozen=True, kw_only=True)
class WorkaroundResult:
    """The result of an entry's workaround.

    Attributes:
        source: the Jittor source.
        verdict: the worst verdict, by name, on the input cases that it fixes.
        fixes: the input cases that fail without it and pass with it.
        remaining: those that fail with it too.
        breaks: those that fail with it alone.
    """

    source: str
    verdict: str
    fixes: Sequence[str]
    remaining: Sequence[str] = ()
    breaks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class EntryResult:
    """The results of one entry.

    Attributes:
        group, name, torch, jittor, note: the entry's own.
        verdict: the worst verdict, by name.
        cases: the number of input cases.
        findings: those that do not pass strictly, the one that the programs show first.
        programs: framework -> the program that shows the first finding; empty without findings.
        workaround: None where the entry has none or needs none.
    """

    group: str
    name: str
    torch: str
    jittor: str
    note: str
    verdict: str
    cases: int
    findings: Sequence[Finding] = ()
    programs: Mapping[str, Program] = field(default_factory=dict)
    workaround: WorkaroundResult | None = None

    @property
    def ordinary(self) -> bool:
        """Whether the first finding occurs on ordinary input, or without any input."""
        return bool(self.findings) and self.findings[0].case in (ORDINARY, "")


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """The results of a survey, and the versions that they hold for."""

    versions: Mapping[str, str]
    entries: Sequence[EntryResult]

    def counts(self) -> dict[str, Counter[str]]:
        """Return group -> verdict -> number of entries."""
        counts: dict[str, Counter[str]] = {}
        for entry in self.entries:
            counts.setdefault(entry.group, Counter())[entry.verdict] += 1
        return counts

    def merged(self, other: Atlas) -> Atlas:
        """Return these results with the groups of another survey replaced by its own.

        Raises:
            CannotCompare: the two do not hold for the same versions.
        """
        require_versions(self.versions, other.versions)
        replaced = {entry.group for entry in other.entries}
        kept = [entry for entry in self.entries if entry.group not in replaced]
        # A stable sort: entries keep their order within a group.
        entries = sorted([*kept, *other.entries], key=lambda entry: entry.group)
        return Atlas(versions=self.versions, entries=entries)

    def save(self, path: Path) -> None:
        """Write the results as JSON, completely or not at all.

        Raises:
            CannotWrite: the file cannot be written.
        """
        plain = {
            "schema": SCHEMA,
            "versions": dict(self.versions),
            "entries": [_as_json(entry) for entry in self.entries],
        }
        write_text(path, json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def require_versions(stored: Mapping[str, str], present: Mapping[str, str]) -> None:
    """Refuse to merge results that hold for other versions than the present ones.

    Raises:
        CannotCompare: a version or a setting differs.
    """
    changed = [
        f"{name} {stored.get(name, 'unknown')} is now {version}"
        for name, version in present.items()
        if stored.get(name) != version
    ]
    if changed:
        raise CannotCompare(
            f"the stored results are of other versions ({'; '.join(changed)}): "
            "survey all groups, without --only"
        )


def read(path: Path) -> Atlas:
    """Read the results of a survey.

    Raises:
        CannotCompare: the file is absent or does not hold such results.
    """
    try:
        plain = read_json(path)
        if plain["schema"] != SCHEMA:
            raise CannotCompare(
                f"{path} has schema {plain['schema']}, and this version reads {SCHEMA}: "
                "write it anew with `parity atlas --json`"
            )
        entries = [_from_json(entry) for entry in plain["entries"]]
        return Atlas(versions=dict(plain["versions"]), entries=entries)
    except CannotRead as error:
        raise CannotCompare(f"{error}; write it anew with `parity atlas --json`") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotCompare(
            f"{show(path)} cannot be read: {one_line(error)}; write it anew with"
            " `parity atlas --json`"
        ) from error


def _as_json(entry: EntryResult) -> dict[str, Any]:
    return asdict(entry) | {"findings": [finding.as_json() for finding in entry.findings]}


def _from_json(plain: Mapping[str, Any]) -> EntryResult:
    fields = dict(plain)
    Verdict[fields["verdict"]]
    workaround = fields.pop("workaround")
    return EntryResult(
        findings=[finding_from_json(finding) for finding in fields.pop("findings")],
        programs={name: Program(**program) for name, program in fields.pop("programs").items()},
        workaround=None if workaround is None else WorkaroundResult(**workaround),
        **fields,
    )
