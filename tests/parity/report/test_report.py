"""A report prints itself and is read again as it was written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from parity import CannotCompare, Finding, Report, Verdict
from parity.base.difference import AxisShare, Difference
from parity.report.text import describe
from parity.structure.module_pairs import ModulePair, ModuleSide
from parity.structure.source_lines import SourceLines
from parity.trace.sites import Boundary, Segment
from parity.verdict import Cause


def report() -> Report:
    """Return a report in which no field has its default."""
    fault = Finding(
        path="a", phase="backward", verdict=Verdict.NUMERICALLY_WEAKER, error=1e-3, noise=1e-9,
        quantity="output_gradient", label="x", owner="a.b", call=1, group="g", scope="end_to_end",
        step=4, precision="float32", cause=Cause.LOSES_DIGITS, side="reference",
        compared=("one", "other"), confirmed=False, stress_input="zeros",
        segment=Segment(Boundary("start"), Boundary("input", "a")), hint="a guess",
        modules=("A()", "B()"), gain=2.0,
        allowance="a reason", known="ties", not_finite=3, scale=2.5, varies=False, note="a remark",
        difference=Difference(
            (2, 3), 1, (1, 2), (0.5, float("-inf")),
            (AxisShare(1, 1, 1, 1, (0.0, 0.33)), AxisShare(2, 2, 1, 1, (0.0, 0.0, 0.5))),
            ((0, 0), (1, 1)),
        ),
    )  # fmt: skip
    return Report(
        pair="p", findings=(fault,), notes=("n",), environment={"process": {"python": "3"}},
        seconds=1.5,
        modules=(
            ModulePair(ModuleSide("", "Net", 3, (SourceLines("call", "net.py", 4, "x"),)), None),
            ModulePair(None, ModuleSide("a", "A", 0)),
        ),
    )  # fmt: skip


def test_every_field_survives_the_file(tmp_path: Path) -> None:
    defaults = {f.name: f.default for f in dataclasses.fields(Finding)}
    (finding,) = report().findings
    assert not [name for name, value in vars(finding).items() if value == defaults[name]]
    report().save(tmp_path / "parity.json")
    assert Report.load(tmp_path / "parity.json") == report()
    assert Report.load(str(tmp_path / "parity.json")) == report()


def test_its_text_is_that_of_the_command() -> None:
    assert str(report()) == describe(report())


def test_the_file_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "parity.json"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        dataclasses.replace(report(), seconds=float("inf")).save(path)
    assert path.read_text(encoding="utf-8") == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["parity.json"]


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CannotCompare, match=r"none\.json does not exist"):
        Report.load(tmp_path / "none.json")


def test_findings_are_a_table_for_notebooks() -> None:
    pandas = pytest.importorskip("pandas")
    table = report().to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert list(table["path"]) == ["a"]
    assert table["verdict"][0] == "NUMERICALLY_WEAKER"
    assert report()._repr_html_().startswith("<pre>p: agree")
    assert "<svg" in report()._repr_html_()
