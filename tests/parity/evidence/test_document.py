from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from parity.evidence.document import to_markdown
from parity.evidence.records import read_evidence
from parity.report.report import Report


def page(folder: Path, *names: str, language: str = "en") -> str:
    return to_markdown(read_evidence([folder / name for name in names]), folder, [language])  # type: ignore[list-item]


def table(text: str, title: str) -> list[list[str]]:
    """Return the rows of the table under a title, and require as many cells as its head has."""
    lines = text.split(f"### {title}\n\n")[1].split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    assert {len(row) for row in rows} == {len(rows[0])}
    return rows[2:]


def test_alignment_is_counted_by_phase(folder: Path) -> None:
    text = page(folder, "right.json")
    report = Report.load(folder / "right.json")
    assert "The comparison agrees." in text
    rows = {row[1]: row for row in table(text, "Alignment")}
    assert rows.keys() == {finding.phase for finding in report.findings}
    for phase, row in rows.items():
        number = sum(finding.phase == phase for finding in report.findings)
        assert int(row[2]) == number == sum(map(int, row[3:7]))
        assert row[6] == "0"
        assert float(row[8].rstrip("%")) <= 100
    assert table(text, "Coverage")[0][1:5] == ["15", "15", "1", "2"]
    assert "parity check pairs.py:right --json right.json" in text


def test_what_differs_is_said_first_and_with_its_place(folder: Path) -> None:
    text = page(folder, "right.json", "wrong.json")
    assert "**1 of 2 comparisons do not agree**" in text
    assert "- `wr|ong`: the model itself, forward: output" in text
    wrong = [row for row in table(text, "Alignment") if "ong" in row[0]]
    assert any(int(row[6]) for row in wrong)
    assert any(row[8] == "over 1000 times" for row in wrong)


def test_losses_times_and_pictures(folder: Path) -> None:
    text = page(folder, "right.json", "losses.json", "bench.json", "pictures/loss curves.png")
    assert table(text, "Losses")[0][3:6] == ["1.5 / 1.5", "0.25 / 0.26", "0.038 at step 2"]
    assert table(text, "Times") == [
        ["sampling", "jittor", "torch", "0.9", "0.8", "1.1"],
        ["step", "jittor", "torch", "0.5", "–", "–"],
    ]
    assert "did not alternate" in text
    assert "![loss curves](pictures/loss%20curves.png)" in text
    assert "| machine: processor | A CPU |" in text
    assert "parity losses a.csv b.csv --json losses.json" in text


def test_accepted_differences_are_listed_with_their_reasons(folder: Path) -> None:
    evidence = read_evidence([folder / "wrong.json"])
    (report,) = evidence.reports
    findings = [
        dataclasses.replace(f, known="subgradient", allowance="no ties") if f.is_fault else f
        for f in report.findings
    ]
    accepted = dataclasses.replace(
        evidence, reports=[dataclasses.replace(report, findings=findings)]
    )
    text = to_markdown(accepted, folder, ["en"])
    count = sum(finding.known is not None for finding in findings)
    assert f"- wr|ong: `subgradient`, {count} tensors: no ties" in text
    assert "The comparison agrees." in text


def test_both_languages_have_the_same_numbers(folder: Path) -> None:
    names = ["right.json", "wrong.json", "losses.json", "bench.json"]
    english, chinese = page(folder, *names), page(folder, *names, language="zh")
    assert "移植与原实现一致的证据" in chinese
    assert re.findall(r"\d+\.?\d*%?", english) == re.findall(r"\d+\.?\d*%?", chinese) or sorted(
        re.findall(r"\d+\.\d+%?", english)
    ) == sorted(re.findall(r"\d+\.\d+%?", chinese))
    both = to_markdown(read_evidence([folder / name for name in names]), folder, ["en", "zh"])
    assert both == f"{english}\n{chinese}"
