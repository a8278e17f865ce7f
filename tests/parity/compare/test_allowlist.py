"""An entry of an allow list that excuses nothing is refused, and beside a fault it is noted."""

from __future__ import annotations

import pytest

from parity import CannotCompare, Finding, Report, Verdict
from parity.compare.allowlist import require_used_entries


def report(verdict: Verdict) -> Report:
    finding = Finding(path="a", phase="forward", verdict=verdict, error=0, noise=0)
    return Report(pair="p", findings=(finding,), notes=("n",))


@pytest.mark.parametrize("allow", [None, {}, {"a": "it is random"}])
def test_entries_that_are_used_change_nothing(allow: dict[str, str] | None) -> None:
    unchanged = report(Verdict.IDENTICAL)
    assert require_used_entries(unchanged, "allow", allow, {"a"}) is unchanged


def test_an_unused_entry_is_refused_by_name() -> None:
    with pytest.raises(CannotCompare) as raised:
        require_used_entries(
            report(Verdict.WITHIN_NOISE), "allow", {"a": "x", "b": "y", "c": "z"}, {"a"}
        )
    assert str(raised.value) == (
        "pair 'p': allow names 'b', 'c', which excused nothing: remove the entry"
    )


def test_beside_a_fault_it_is_only_noted() -> None:
    failed = require_used_entries(report(Verdict.ERROR), "allow", {"b": "y"}, set())
    assert type(failed) is Report
    assert failed.notes == ["n", "allow names 'b', which excused nothing: remove the entry"]
