"""A file of the places at which a port differs for now: others fail, and repaired ones must leave.

For ports on their way, in a CI that is to be green until something gets worse.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from parity.errors import CannotCompare
from parity.limits import RATCHET_GROWTH
from parity.report.finding import Finding
from parity.report.outcome import Outcome
from parity.verdict import Verdict
from safe_files import write_text
from safe_files.reading import CannotRead, read_json, show

SCHEMA = 1


class Change(NamedTuple):
    """The change of a pair since its places were noted.

    Attributes:
        noted: number of places that differ as noted.
        new: findings that fail and were not noted, or have grown.
        gone: keys of places that were noted and agree now.
    """

    noted: int
    new: list[Finding]
    gone: list[str]


class Ratchet:
    """The places of pairs that differ for now.

    Attributes:
        path: of the file.
        pairs: pair -> key of a place -> name of the verdict there and error.
        exists: whether there is such a file.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if it exists.

        Raises:
            CannotCompare: it is no such file.
        """
        self.path, self.exists = path, path.exists()
        self.pairs: dict[str, dict[str, tuple[str, float]]] = {}
        if self.exists:
            self.pairs = _read(path)

    def change(self, report: Outcome, *, strict: bool) -> Change:
        """Return what has changed in a pair."""
        noted = self.pairs.get(report.pair, {})
        failing = {key(f): f for f in report.findings if not f.passes(strict=strict)}
        new = [f for k, f in failing.items() if k not in noted or _has_grown(f, *noted[k])]
        return Change(len(failing) - len(new), new, [k for k in noted if k not in failing])

    def note(self, report: Outcome, *, strict: bool) -> None:
        """Note all places of a pair that differ."""
        self.pairs[report.pair] = {
            key(f): (f.verdict.name, f.error if math.isfinite(f.error) else -1.0)
            for f in report.findings
            if not f.passes(strict=strict)
        }

    def drop(self, report: Outcome, gone: list[str]) -> None:
        """Remove places of a pair."""
        for place in gone:
            del self.pairs[report.pair][place]

    def save(self) -> None:
        """Write the file.

        Raises:
            CannotWrite: it cannot be written.
        """
        pairs = {pair: places for pair, places in self.pairs.items() if places}
        text = json.dumps({"schema": SCHEMA, "pairs": pairs}, indent=1, ensure_ascii=False)
        write_text(self.path, text + "\n")


def key(finding: Finding) -> str:
    """Return the name of a place, the same in every run."""
    site = finding.site
    parts = (
        *(site.scope, site.phase, site.path, site.owner, site.call, site.quantity, site.label),
        *(site.group, site.step),
    )
    return "|".join("" if part is None else str(part) for part in parts)


def _has_grown(finding: Finding, verdict: str, error: float) -> bool:
    if finding.verdict.rank > Verdict[verdict].rank:
        return True
    return error >= 0 and not finding.error <= RATCHET_GROWTH * error


def _read(path: Path) -> dict[str, dict[str, tuple[str, float]]]:
    try:
        document: Any = read_json(path)
    except CannotRead as error:
        raise CannotCompare(str(error)) from None
    try:
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']!r}")
        pairs: Mapping[str, Any] = document["pairs"]
        return {
            pair: {
                place: (Verdict[verdict].name, float(error))
                for place, (verdict, error) in places.items()
            }
            for pair, places in pairs.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CannotCompare(
            f"{show(path)} is no file of parity check --ratchet ({type(error).__name__}): name "
            "another, or remove it and note all places again"
        ) from None
