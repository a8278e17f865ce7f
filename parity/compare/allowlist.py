"""The list of places that may ABSTAIN holds only what does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from parity.errors import CannotCompare
from parity.report.report import Report


def require_used_entries(
    report: Report, allow: Mapping[str, str] | None, matched: Collection[str]
) -> Report:
    """Return the report; an entry of `allow` that excused nothing is refused.

    Where something disagrees, that comes first, and the entry is only noted.

    Raises:
        CannotCompare: all agrees, and an entry matched nothing.
    """
    idle = [repr(name) for name in allow or () if name not in matched]
    if not idle:
        return report
    text = f"allow names {', '.join(idle)}, where nothing abstained: take the entry out"
    if report.passed:
        raise CannotCompare(f"pair {report.pair!r}: {text}")
    return replace(report, notes=[*report.notes, text])
