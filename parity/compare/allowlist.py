"""Every entry of an allow list must let something ABSTAIN."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TypeVar

from parity.errors import CannotCompare
from parity.report.outcome import Outcome

AnyOutcome = TypeVar("AnyOutcome", bound=Outcome)


def require_used_entries(
    report: AnyOutcome, allow: Mapping[str, str] | None, matched: Collection[str]
) -> AnyOutcome:
    """Return the report; refuse an entry of `allow` that excused nothing.

    Where something disagrees, that comes first, and the entry is only noted.

    Raises:
        CannotCompare: all agrees, and an entry matched nothing.
    """
    unused = [repr(name) for name in allow or () if name not in matched]
    if not unused:
        return report
    text = f"allow names {', '.join(unused)}, where nothing abstained: remove the entry"
    if report.passed:
        raise CannotCompare(f"pair {report.pair!r}: {text}")
    return replace(report, notes=[*report.notes, text])
