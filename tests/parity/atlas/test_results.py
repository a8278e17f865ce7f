from __future__ import annotations

import json
from pathlib import Path

import pytest

from parity.atlas.finding import AtlasCause, ComparedTensor, Finding
from parity.atlas.results import Atlas, EntryResult, Program, WorkaroundResult, read
from parity.cli import main
from parity.errors import CannotCompare
from parity.verdict import Verdict

VERSIONS = {"jittor": "1.3", "torch": "2.0"}


def entry(group: str, name: str, verdict: str = "IDENTICAL", **fields: object) -> EntryResult:
    values = {"torch": "x", "jittor": "x", "note": "", "cases": 1, **fields}
    return EntryResult(group=group, name=name, verdict=verdict, **values)  # type: ignore[arg-type]


FINDING = Finding(
    case="nan", tensor=ComparedTensor("gradient", "x"), verdict=Verdict.ERROR,
    cause=AtlasCause.SPECIAL_VALUES, error=0.25, reference="nan", candidate="0", float32_only=True,
)  # fmt: skip
FAILED = entry(
    "b", "three", "ERROR", findings=[FINDING],
    programs={"torch": Program(code="print(1)", output="1")},
    workaround=WorkaroundResult(source="y", verdict="IDENTICAL", fixes=["nan"], remaining=["a"]),
)  # fmt: skip
STORED = Atlas(
    versions=VERSIONS, entries=[entry("a", "one"), entry("b", "two"), FAILED, entry("c", "four")]
)
SURVEYED = Atlas(versions=VERSIONS, entries=[entry("b", "two", "WITHIN_NOISE"), entry("b", "five")])


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    STORED.save(tmp_path / "a.json")
    plain = json.loads((tmp_path / "a.json").read_text())
    assert plain["entries"][2]["findings"][0] == {
        "case": "nan", "quantity": "gradient", "label": "x", "verdict": "ERROR",
        "cause": "special_values", "error": 0.25, "noise": None, "reference": "nan",
        "candidate": "0", "float32_only": True,
    }  # fmt: skip
    read_again = read(tmp_path / "a.json")
    read_again.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    assert read_again.entries[2].findings == [FINDING]


def survey_of(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.atlas.survey.survey", lambda groups, versions=None: atlas)


def run(path: Path, *options: str) -> list[tuple[str, str, str]]:
    assert main(["atlas", "--json", str(path), *options]) == 0
    return [(e["group"], e["name"], e["verdict"]) for e in json.loads(path.read_text())["entries"]]


def test_a_survey_of_one_group_replaces_that_group_and_keeps_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    STORED.save(tmp_path / "a.json")
    survey_of(SURVEYED, monkeypatch)
    page = tmp_path / "a.md"
    monkeypatch.setattr(
        "parity.atlas.output.document.pages",
        lambda atlas, name: {name: str(len(atlas.entries))},
    )
    assert run(tmp_path / "a.json", "--only", "b", "--markdown", str(page)) == [
        ("a", "one", "IDENTICAL"),
        ("b", "two", "WITHIN_NOISE"),
        ("b", "five", "IDENTICAL"),
        ("c", "four", "IDENTICAL"),
    ]
    assert page.read_text() == "4"
    assert capsys.readouterr().out.startswith("2 entries: 1 IDENTICAL, 1 WITHIN_NOISE")


def test_a_survey_of_all_groups_replaces_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    STORED.save(tmp_path / "a.json")
    survey_of(SURVEYED, monkeypatch)
    assert [name for _, name, _ in run(tmp_path / "a.json")] == ["two", "five"]


def test_a_survey_of_one_group_writes_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey_of(SURVEYED, monkeypatch)
    assert len(run(tmp_path / "new.json", "--only", "b")) == 2


def test_results_of_other_versions_are_not_merged() -> None:
    other = Atlas(versions={**VERSIONS, "jittor": "1.4"}, entries=SURVEYED.entries)
    with pytest.raises(CannotCompare, match=r"jittor 1\.3 is now 1\.4.*without --only"):
        STORED.merged(other)


def test_a_file_that_cannot_be_read_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    survey_of(SURVEYED, monkeypatch)
    assert main(["atlas", "--only", "b", "--json", str(path)]) == 2
    assert path.read_text() == "{}"
