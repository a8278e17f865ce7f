"""The figures in the READMEs are those of the records that the repository carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.repository import figures
from tests.repository.figures import ROOT, Lines

READMES = ("README.md", "README.zh-CN.md")


def readme(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
def test_scores_of_the_audit_are_those_of_its_record(name: str) -> None:
    audit = json.loads(figures.AUDIT.read_text(encoding="utf-8"))
    assert figures.quoted(readme(name), "audit") == figures.audit_figures(audit)


@pytest.mark.parametrize("name", READMES)
def test_times_are_those_of_the_record(name: str) -> None:
    assert figures.quoted(readme(name), "bench") == figures.bench_figures(figures.BENCH)


@pytest.mark.parametrize("name", READMES)
def test_scores_of_images_are_those_of_the_example_run(name: str) -> None:
    assert figures.quoted(readme(name), "run") == figures.run_figures(figures.RUN)
    preset = json.loads((figures.RUN / "run.json").read_text(encoding="utf-8"))["preset"]
    assert f"`ddpm reproduce --preset {preset}`" in readme(name)


@pytest.mark.parametrize("block", ["audit", "bench", "run"])
def test_both_languages_quote_the_same_figures(block: str) -> None:
    first, second = (figures.quoted(readme(name), block) for name in READMES)
    assert first == second


# From here on: records of known figures.

TEXT = """<!-- figures: {} -->
`pytest bench --rounds 9`, {}:

| what | found |
|---|---|
{}
"""


def block(name: str, lines: Lines) -> str:
    rows = "\n".join("| it | " + " and ".join(line) + " |" for line in lines[1:])
    return TEXT.format(name, " of ".join(lines[0]), rows)


def record(**values: Any) -> dict[str, Any]:
    blank = {"caught": True, "rank": 1, "passed": True, "kind": "a", "side": "torch"}
    return {**blank, "phase": "forward", "missed": [], "explained": {}, "tried": 0, **values}


@pytest.fixture
def audit() -> dict[str, Any]:
    shape = {"configuration": {"structure": [1, 2]}}
    records = [
        record(set="mutant"),
        record(set="mutant", side="jittor", kind="b", rank=2),
        record(set="mutant", phase="optimizer", caught=False),
        record(set="double"),
        record(set="double", rank=3),
        record(set="twin"),
        *(record(set="rewrite", passed=i > 0) for i in range(10)),
        record(set="corruption", passed=False),
        record(set="exhaustive", tried=1200, explained={"key bias": 4}),
        record(set="sensitivity", smallest=1e-13),
        record(set="sensitivity", smallest=2e-14),
        record(set="draw", **shape),
        record(set="drawn mutant", **shape),
    ]
    return {"quick": False, "only": [], "records": records}


def test_the_audit_is_counted_record_by_record(audit: dict[str, Any]) -> None:
    assert figures.audit_figures(audit) == [
        [],
        ["2", "2", "1", "2", "3"],
        ["1", "2"],
        ["1", "2"],
        ["95", "1e-13"],
        ["1", "10", "95", "0.3", "44.5"],  # exact interval of 1 in 10
        ["0", "1"],
        ["0", "1"],
        ["4", "1200"],
        ["1", "0", "1", "95", "0.0", "97.5"],
        ["1", "1"],
    ]


@pytest.mark.parametrize(
    "change", [{"quick": True}, {"only": ["rewrite"]}], ids=["quick", "in part"]
)
def test_part_of_an_audit_is_refused(audit: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"audit\.json is not of the whole audit"):
        figures.audit_figures({**audit, **change})


def test_an_unexplained_gap_in_a_check_is_refused(audit: dict[str, Any]) -> None:
    audit["records"].append(record(set="exhaustive", missed=["norm1"]))
    with pytest.raises(ValueError, match="nothing explains"):
        figures.audit_figures(audit)


def test_scores_are_read_from_the_run(tmp_path: Path) -> None:
    names = ("torch", "jittor", "jittor-from-torch", "torch-seed-1")
    rows = [
        {"subfolder": name, "count": 64, "fid": 20.0 + i, "fid_interval": [19.5 + i, 20.25 + i]}
        for i, name in enumerate(names)
    ]
    pixels = {
        "same_weights": {"equal": 0.99996, "within_one": 1.0},
        "own_weights": {"equal": 0.321, "within_one": 0.5},
    }
    (tmp_path / "records").mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"config": {"train": {"epochs": 6}}}))
    for stage, result in (("scores", {"rows": rows}), ("pixels", pixels)):
        path = tmp_path / "records" / f"{stage}.json"
        path.write_text(json.dumps({"result": result}))
    assert figures.run_figures(tmp_path) == [
        ["6", "64"],
        ["20.00", "19.50", "20.25"],
        ["22.00", "21.50", "22.25", "99.996", "1", "255"],
        ["21.00", "20.50", "21.25", "32.10"],
        ["23.00", "22.50", "23.25"],
    ]


def test_a_block_is_read_and_a_changed_figure_is_seen(audit: dict[str, Any]) -> None:
    lines = figures.audit_figures(audit)
    text = block("audit", lines)
    assert figures.quoted(text, "audit") == lines
    assert figures.quoted(text.replace("1200", "1201"), "audit") != lines
    with pytest.raises(ValueError, match="0 blocks"):
        figures.quoted(text, "bench")
    with pytest.raises(ValueError, match="2 blocks"):
        figures.quoted(text + text, "audit")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0.93 (0.91 to 0.95)", ["0.93", "0.91", "0.95"]),
        ("0.93（0.91 至 0.95）", ["0.93", "0.91", "0.95"]),
        ("164 of 15,801, all explained", ["164", "15801"]),
        ("15,801 次中的 164 次", ["15801", "164"]),
        ("`--rounds 31` in float32: 1e-13, 99.996 %, U-Net2", ["1e-13", "99.996"]),
        ("all within 1 of 255.", ["1", "255"]),
    ],
)
def test_numbers_are_told_from_words(text: str, numbers: list[str]) -> None:
    assert figures.numbers(text) == numbers
