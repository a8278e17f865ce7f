"""A summary of several comparisons as a Markdown table, for a pull request or a CI's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from parity.report.outcome import Outcome
from parity.report.text import amount, where


class Entry(NamedTuple):
    """A pair of several.

    Attributes:
        name: of the pair.
        report: its outcome; None where it could not be compared.
        problem: what kept it from being compared.
        page: file name of its page, if there is one.
    """

    name: str
    report: Outcome | None
    problem: str = ""
    page: str = ""


def row(entry: Entry) -> tuple[str, str, str, str]:
    """Return pair, verdict, the first place that does not pass, and its amount."""
    if entry.report is None:
        return entry.name, "not compared", "", entry.problem
    first = entry.report.first_divergence
    verdict = entry.report.verdict.name
    if first is None:
        return entry.name, verdict, "", ""
    return entry.name, verdict, where(first), amount(first)


def summary(entries: Sequence[Entry]) -> str:
    """Return the table, a row for each pair."""
    lines = ["| pair | verdict | first place | amount |", "|---|---|---|---|"]
    for entry in entries:
        cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in row(entry)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
