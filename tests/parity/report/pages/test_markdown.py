"""A Markdown table with a row for each pair."""

from __future__ import annotations

from parity import Finding, Report, Verdict
from parity.report.pages.markdown import Entry, row, summary


def report(name: str, verdict: Verdict) -> Report:
    finding = Finding(path="a", phase="forward", verdict=verdict, error=0.5, noise=1e-7)
    return Report(pair=name, findings=(finding,))


def test_a_row_holds_verdict_place_and_amount() -> None:
    agree = Entry("p", report("p", Verdict.IDENTICAL))
    assert row(agree) == ("p", "IDENTICAL", "", "")
    differ = row(Entry("q", report("q", Verdict.SEMANTIC_DIFFERENCE)))
    assert differ == (
        "q", "SEMANTIC_DIFFERENCE", "a, forward: output", "error 5.00e-01, noise 1.00e-07"
    )  # fmt: skip
    assert row(Entry("r", None, "no")) == ("r", "not compared", "", "no")


def test_what_would_break_the_table_is_escaped() -> None:
    lines = summary([Entry("a|b", None, "one\ntwo")]).splitlines()
    assert lines[2] == "| a\\|b | not compared |  | one two |"
    assert len(lines) == 3
