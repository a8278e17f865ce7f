"""Every exception that a user makes must be used: one that excuses nothing is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from parity.errors import UnusedEntry
from parity.report.outcome import Outcome

AnyOutcome = TypeVar("AnyOutcome", bound=Outcome)


def require_used_entries(
    report: AnyOutcome, name: str, entries: Mapping[str, str] | None, used: Collection[str]
) -> AnyOutcome:
    """Return the report; refuse an entry that excused nothing.

    Where something disagrees, that comes first, and the entry is only noted.

    Args:
        report: of the comparison.
        name: of the user's list, `allow` or `accept`.
        entries: what may be excused -> reason.
        used: what was.

    Raises:
        UnusedEntry: all agrees, and an entry matched nothing.
    """
    unused = [repr(entry[:100]) for entry in entries or () if entry not in used]
    if not unused:
        return report
    text = f"{name} names {', '.join(unused)}, which excused nothing: remove the entry"
    if report.passed:
        raise UnusedEntry(f"pair {report.pair!r}: {text}")
    return replace(report, notes=[*report.notes, text])
