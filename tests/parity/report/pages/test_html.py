"""The page shows every finding and needs nothing from elsewhere."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from parity import Finding, Report, Verdict
from parity.report.pages.html import page, write_page


class Balanced(HTMLParser):
    """Collects cells and dots, and refuses a tag of SVG that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.dots = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.dots += tag == "circle"
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def report() -> Report:
    fields = [
        ("a", Verdict.IDENTICAL, 0.0),
        ("b<i>", Verdict.SEMANTIC_DIFFERENCE, 1e-2),
        ("c", Verdict.ERROR, math.inf),
        ("d", Verdict.ABSTAIN, math.nan),
    ]
    findings = tuple(
        Finding(path=path, phase="forward", verdict=verdict, error=error, noise=1e-7,
                stress_input="zeros")
        for path, verdict, error in fields
    )  # fmt: skip
    return Report(
        pair="p & q", findings=findings, environment={"process": {"python": "<3>"}}
    )  # fmt: skip


def read(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    return parser


def test_every_finding_is_in_the_table_with_its_stress_input() -> None:
    cells = read(page(report())).cells
    for finding in report().findings:
        at = cells.index(f"{finding.path}, forward: output")
        assert cells[at + 1] == finding.verdict.name
        assert "zeros" in cells[at + 3]


def test_what_has_a_size_is_in_the_chart() -> None:
    assert read(page(report())).dots == 3


def test_a_larger_error_is_drawn_higher() -> None:
    heights = [float(y) for y in re.findall(r'<circle [^>]*cy="([\d.]+)"', page(report()))]
    identical, different, infinite = heights
    assert identical > different > infinite


def test_names_are_escaped() -> None:
    text = page(report())
    assert "b&lt;i&gt;" in text
    assert "<i>" not in text
    assert "<title>p &amp; q: ERROR</title>" in text
    assert "&lt;3&gt;" in text


def test_nothing_is_fetched_from_elsewhere() -> None:
    assert not re.search(r"https?:|<script|<link|@import|url\(", page(report()))


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    write_page(report(), tmp_path / "parity.html")
    assert (tmp_path / "parity.html").read_text(encoding="utf-8") == page(report())


@pytest.mark.parametrize("findings", [(), report().findings[:1]])
def test_a_short_report_has_a_page(findings: tuple[Finding, ...]) -> None:
    assert page(Report(pair="p", findings=findings)).endswith("</html>\n")
