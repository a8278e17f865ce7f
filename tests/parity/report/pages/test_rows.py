"""Rows say what is known of findings and modules, and open where something fails."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from parity import Finding, Report, Verdict
from parity.base.difference import difference_of
from parity.report.pages.elements import html
from parity.report.pages.nodes import tree_of
from parity.report.pages.rows import finding_row, number, profiles, sources, tree
from parity.structure.module_pairs import ModulePair, ModuleSide
from parity.structure.source_lines import SourceLines


def finding(path: str, verdict: Verdict = Verdict.IDENTICAL, **fields: object) -> Finding:
    values = {"phase": "forward", "error": 0.5, "noise": 1e-7, **fields}
    return Finding(path=path, verdict=verdict, **values)  # type: ignore[arg-type]


def text(made: Element) -> str:
    return " ".join("".join(made.itertext()).split())


def report(*findings: Finding, count: int = 4) -> Report:
    sides = [ModuleSide(f"layers.{i}", "Block", 1200) for i in range(count)]
    modules = (
        ModulePair(ModuleSide("", "Net", 5000), ModuleSide("", "Net", 5001)),
        ModulePair(ModuleSide("layers", "List", 4800), ModuleSide("layers", "List", 4800)),
        *(ModulePair(side, side._replace(path=f"blocks.{i}")) for i, side in enumerate(sides)),
    )
    return Report(pair="p", findings=findings, modules=modules)


def opened(made: Element) -> list[str]:
    return [
        box.attrib["data-path"] for box in made.iter("details")
        if "open" in box.attrib and "data-path" in box.attrib
    ]  # fmt: skip


def test_the_tree_is_open_where_something_fails() -> None:
    passing = [finding(f"layers.{i}") for i in range(4)]
    assert len(opened(tree(tree_of(report(*passing))))) == 1  # the model itself
    passing[2] = finding("layers.2", Verdict.ERROR)
    paths = opened(tree(tree_of(report(*passing))))
    assert len(paths) == 3
    assert set(paths[-1].split()) == {"layers.2", "blocks.2"}


def test_folded_blocks_are_one_row_with_all_of_them_inside() -> None:
    made = tree(tree_of(report(*(finding(f"layers.{i}") for i in range(4)))))
    (fold,) = (box for box in made.iter("details") if box.attrib["class"] == "node fold")
    assert text(fold[0]).startswith("0–3 ×4")
    assert {box.attrib["id"] for box in fold.iter("details") if "id" in box.attrib} == {
        "f0", "f1", "f2", "f3"
    }  # fmt: skip


def test_a_module_shows_both_sides_and_how_many_parameters_each_has() -> None:
    made = tree(tree_of(report(finding(""))))
    shown = [text(summary) for summary in made.iter("summary")]
    assert "the modelNet the modelNet 5,000 → 5,001" in shown[0].replace(" Net", "Net") or (
        "5,000 → 5,001" in shown[0] and shown[0].count("Net") == 2
    )
    pair = ModulePair(ModuleSide("a", "A", 1), None)
    alone = tree(tree_of(Report(pair="p", findings=(), modules=(pair,))))
    assert "not in the candidate" in text(alone)


def test_a_row_of_a_failing_tensor_shows_where_it_differs() -> None:
    expected = np.zeros((2, 3, 4))
    actual = expected.copy()
    actual[:, 1] = 1.0
    difference = difference_of(expected, actual, 0.5)
    row = finding_row(7, finding("a", Verdict.ERROR, difference=difference, hint="a guess"))
    assert row.attrib["id"] == "f7"
    assert "Differs in 8 of 24 elements of (2, 3, 4), at index 1 of axis 1." in text(row)
    assert "a guess" in text(row)
    assert difference is not None
    bars = [[bar.attrib["style"] for bar in strip.iter("i")] for strip in profiles(difference)]
    assert bars[1] == ["height:0%", "height:100%", "height:0%"]
    assert [len(strip) for strip in bars] == [2, 3, 4]


def test_titles_of_bars_name_the_indices_of_their_part() -> None:
    difference = difference_of(np.zeros(37), np.ones(37), 0.5)
    assert difference is not None
    titles = [bar.attrib["title"] for bar in profiles(difference).iter("i")]
    assert titles[0] == "indices 0 to 2: 1"
    parts = [part.tolist() for part in np.array_split(np.arange(37), 16)]
    assert titles == [f"indices {p[0]} to {p[-1]}: 1" for p in parts]


def test_source_of_both_sides_stands_next_to_each_other() -> None:
    lines = (SourceLines("built", "net.py", 8, "self.a = A('<b>')"),)
    made = sources(ModulePair(ModuleSide("a", "A", 1, lines), ModuleSide("a", "A", 1)))
    assert made is not None
    assert "made in net.py:8" in text(made)
    assert "A('&lt;b&gt;')" in html(made)
    assert sources(ModulePair(ModuleSide("a", "A", 1), None)) is None


def test_numbers_are_short() -> None:
    shown = [number(value) for value in (0.0, 1.25e-7, float("nan"), float("inf"))]
    assert shown == ["0", "1.2e-07", "–", "∞"]
