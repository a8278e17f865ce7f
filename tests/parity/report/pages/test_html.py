"""The page shows every finding, reads without scripts and needs nothing from elsewhere."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from parity import Finding, Report, Verdict
from parity.report.pages.html import fragment, page, write_page
from parity.structure.module_pairs import ModulePair, ModuleSide

VOID = {"meta", "input", "br", "link", "img"}
ODD = "</script><script>alert(1)</script>"


class Page(HTMLParser):
    """Collects tags, ids, links and texts; refuses a tag that is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attrs in self.tags if (value := attrs.get(name)) is not None]


def report(path: str = "b<i>") -> Report:
    fields = [
        ("a", Verdict.IDENTICAL, 0.0),
        (path, Verdict.SEMANTIC_DIFFERENCE, 1e-2),
        ("c", Verdict.ERROR, math.inf),
        ("d", Verdict.ABSTAIN, math.nan),
    ]
    findings = tuple(
        Finding(path=path, phase="forward", verdict=verdict, error=error, noise=1e-7,
                stress_input="zeros")
        for path, verdict, error in fields
    )  # fmt: skip
    side = ModuleSide(path, "Kind" + path, 3)
    return Report(
        pair="p & q", findings=findings, environment={"process": {"python": "<3>"}},
        modules=[ModulePair(side, side)], notes=["<note>"],
    )  # fmt: skip


def test_every_finding_has_a_row_and_every_link_a_target() -> None:
    read = Page(page(report()))
    ids = read.values("id")
    assert len(set(ids)) == len(ids)
    assert [f"f{n}" for n in range(4)] == sorted(i for i in ids if re.fullmatch(r"f\d", i))
    assert {link.lstrip("#") for link in read.values("href")} <= {*ids}
    assert read.values("href").count("#f2") == 2  # of the fault and of the chart
    assert read.texts.count("zeros") == 4 + 3  # of the rows and of the faults


def test_what_has_a_size_is_in_the_chart() -> None:
    assert sum(tag == "circle" for tag, _ in Page(page(report())).tags) == 3


@pytest.mark.parametrize("name", ["b<i>", ODD, "'\" onload='x'", "a&b;", "$title"])
def test_names_are_escaped(name: str) -> None:
    read = Page(page(report(name)))
    tags = [tag for tag, _ in read.tags]
    assert tags.count("script") == 1
    assert "i" not in tags
    assert not read.values("onload")
    assert any(name in text for text in read.texts)
    assert any(name in value for value in read.values("data-path"))
    assert "p & q: ERROR" in read.texts
    assert "<3>" in read.texts


def test_nothing_is_fetched_from_elsewhere() -> None:
    text = page(report())
    assert not re.search(r"https?:|//[a-z]|<link|@import|url\(|\ssrc=", text)


def test_without_a_script_everything_but_the_filters_is_there() -> None:
    read = Page(page(report()))
    hidden = [tag for tag, attrs in read.tags if "hidden" in attrs]
    assert hidden == ["form"]
    assert "<note>" in read.texts


def test_a_choice_is_given_for_each_verdict_and_phase() -> None:
    read = Page(page(report()))
    boxes = [(a["name"], a["value"]) for t, a in read.tags if t == "input" and "value" in a]
    assert boxes == [*(("verdict", name) for name in report().counts), ("phase", "forward")]


def test_the_page_is_written_complete(tmp_path: Path) -> None:
    write_page(report(), tmp_path / "parity.html")
    assert (tmp_path / "parity.html").read_text(encoding="utf-8") == page(report())


@pytest.mark.parametrize("findings", [(), report().findings[:1]])
def test_a_short_report_has_a_page(findings: tuple[Finding, ...]) -> None:
    made = Report(pair="p", findings=findings)
    assert page(made).endswith("</html>\n")
    assert ("They agree." in page(made)) == bool(findings)
    assert not any(attrs.get("id") == "faults" for _, attrs in Page(page(made)).tags)


def test_a_large_model_stays_a_small_page() -> None:
    findings = [
        Finding(path=f"layers.{n // 4}.{n % 4}", phase="forward", verdict=Verdict.WITHIN_NOISE,
                error=1e-7, noise=1e-7)
        for n in range(2000)
    ]  # fmt: skip
    text = page(Report(pair="p", findings=findings))
    assert len(text) < 1200 * len(findings)
    assert sum(tag == "circle" for tag, _ in Page(text).tags) == 2000


def test_a_notebook_gets_text_and_chart_alone() -> None:
    read = Page(fragment(report()))
    assert {tag for tag, _ in read.tags} & {"html", "script", "style", "details"} == set()
    assert sum(tag == "circle" for tag, _ in read.tags) == 3
