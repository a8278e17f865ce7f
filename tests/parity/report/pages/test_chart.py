"""Dots stand where the errors are, and the limit where it is."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

import pytest

from parity import Finding, Verdict
from parity.limits import K
from parity.report.pages.chart import chart, kind_of, limit_of


def finding(error: float, verdict: Verdict = Verdict.WITHIN_NOISE, **fields: object) -> Finding:
    values = {"path": "a", "phase": "forward", "noise": 1e-9, **fields}
    return Finding(error=error, verdict=verdict, **values)  # type: ignore[arg-type]


def heights(svg: Element) -> list[float]:
    links = sorted(svg.findall("a"), key=lambda a: int(a.attrib["data-place"]))
    circles = [circle for a in links for circle in a.iter("circle")]
    return [float(circle.attrib["cy"].rstrip("%")) for circle in circles]


def test_larger_errors_are_higher_and_in_proportion_to_the_exponent() -> None:
    zero, small, middle, large, infinite = heights(
        chart([finding(e) for e in (0.0, 1e-8, 1e-6, 1e-4, math.inf)])
    )
    assert zero > small > middle > large > infinite
    assert small - middle == pytest.approx(middle - large, abs=0.02)


def test_an_error_at_the_limit_is_drawn_on_it() -> None:
    at_limit = finding(K * 1e-9)
    svg = chart([at_limit, finding(1e-3)])
    path = svg.find("svg/path")
    assert path is not None
    y = float(path.attrib["d"].split("h")[0].split()[1])
    assert heights(svg)[0] == pytest.approx(100 * y, abs=0.02)


def test_the_limit_of_tables_and_initial_values_is_their_noise() -> None:
    assert limit_of(finding(0.1)) == K * 1e-9
    assert limit_of(finding(0.1, scope="built", quantity="table")) == 1e-9
    assert limit_of(finding(0.1, scope="built", quantity="buffer")) == K * 1e-9


def test_what_was_not_measured_is_not_drawn_and_links_keep_their_numbers() -> None:
    svg = chart([finding(math.nan), finding(1e-3, Verdict.SEMANTIC_DIFFERENCE), finding(0.0)])
    assert {a.attrib["href"] for a in svg.findall("a")} == {"#f1", "#f2"}


def test_one_dot_can_be_reached_by_tab_the_first_that_fails() -> None:
    svg = chart([finding(0.0), finding(1.0, Verdict.ERROR), finding(1.0, Verdict.ERROR)])
    assert [a.attrib["href"] for a in svg.findall("a") if a.attrib["tabindex"] == "0"] == ["#f1"]


def test_colours_are_those_of_the_verdicts() -> None:
    kinds = [kind_of(finding(1.0, verdict)) for verdict in Verdict]
    assert dict(zip((v.name for v in Verdict), kinds, strict=True)) == {
        "IDENTICAL": "good", "WITHIN_NOISE": "good", "NUMERICALLY_WEAKER": "unsure",
        "ABSTAIN": "unsure", "SEMANTIC_DIFFERENCE": "bad", "ERROR": "bad",
    }  # fmt: skip
    accepted = finding(1.0, Verdict.SEMANTIC_DIFFERENCE, known="ties", allowance="a reason")
    assert kind_of(accepted) == "unsure"


def test_phases_are_named_where_they_begin() -> None:
    found = [finding(0.1), finding(0.1, phase="backward"), finding(0.1, scope="end_to_end")]
    texts = [t.text for t in chart(found).findall("text")]
    assert [t for t in texts if t and t[0].isalpha()] == ["forward", "backward", "end to end"]


def test_nothing_compared_is_an_empty_chart() -> None:
    assert not chart([]).findall("a")
