from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity import CannotCompare, Finding, Report, Verdict
from parity.page import page
from parity.record import SCHEMA, read


def report() -> Report:
    good = Finding(
        path="a", phase="forward", verdict=Verdict.WITHIN_NOISE, error=1e-7, noise=1e-7
    )  # fmt: skip
    bad = Finding(
        path="b<i>", phase="backward", verdict=Verdict.SEMANTIC_DIFFERENCE, error=1e-2,
        noise=1e-16, confirmed=True, tensor="gradient of weight",
    )  # fmt: skip
    gone = Finding(
        path="c", phase="forward", verdict=Verdict.ABSTAIN, error=float("nan"), noise=float("nan")
    )
    return Report(pair="p", findings=(good, bad, gone), notes=("n",), seconds=1.5)


def test_a_report_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "parity.json"
    report().save(path)
    again = read(path)
    assert str(again) == str(report())
    values = json.loads(path.read_text())
    assert values["schema"] == SCHEMA
    assert values["verdict"] == "SEMANTIC_DIFFERENCE"
    assert values["passed"] is False
    assert values["first_divergence"]["path"] == "b<i>"
    assert values["first_divergence"]["confirmed"] is True
    assert [f["error"] for f in values["findings"]] == [1e-7, 1e-2, None]
    assert [p.name for p in tmp_path.iterdir()] == ["parity.json"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "cannot be read: JSONDecodeError"),
        ("[]", "schema is None"),
        ('{"schema": "parity-report/0"}', "schema is 'parity-report/0'"),
        (f'{{"schema": "{SCHEMA}"}}', "not a complete report: KeyError: 'pair'"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "parity.json"
    path.write_text(text)
    with pytest.raises(CannotCompare) as caught:
        read(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CannotCompare, match="cannot be written"):
        report().save(tmp_path / "nowhere" / "parity.json")
    assert list(tmp_path.iterdir()) == []


def test_nothing_compared_is_an_error() -> None:
    empty = Report(pair="p", findings=())
    assert empty.verdict is Verdict.ERROR
    assert not empty.passed
    assert "nothing was compared" in str(empty)


def test_the_page_shows_the_place_and_escapes_it() -> None:
    text = page(report())
    assert "b&lt;i&gt;, backward: gradient of weight" in text
    assert "<i>" not in text
    assert text.count("<circle") == 2
    assert "http" not in text
