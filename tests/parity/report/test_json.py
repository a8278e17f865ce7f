from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from types import ModuleType

import jsonschema
import numpy as np
import pytest

import parity
from parity import CannotCompare, Finding, Report, Verdict, check
from parity.base.difference import PARTS, AxisShare, Difference, difference_of
from parity.report.json import SCHEMA, to_dict
from parity.report.pages.html import page
from parity.structure.module_pairs import ModuleSide
from parity.trace.sites import Phase, Quantity, Scope
from parity.verdict import Cause


def report() -> Report:
    good = Finding(
        path="a", phase="forward", verdict=Verdict.WITHIN_NOISE, error=1e-7, noise=1e-7
    )  # fmt: skip
    bad = Finding(
        path="b<i>", phase="backward", verdict=Verdict.SEMANTIC_DIFFERENCE, error=1e-2,
        noise=1e-16, confirmed=True, quantity="parameter_gradient", label="weight",
    )  # fmt: skip
    gone = Finding(
        path="c", phase="forward", verdict=Verdict.ABSTAIN, error=float("nan"), noise=float("nan")
    )
    return Report(pair="p", findings=(good, bad, gone), notes=("n",), seconds=1.5)


AXIS = {"first": 0, "last": 0, "count": 1, "step": 1, "profile": [1.0]}
SCHEMA_FILE = Path(parity.__file__).parent / "report" / "report.schema.json"


def valid(values: object) -> bool:
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(values)


def test_what_is_written_keeps_the_schema(models: ModuleType) -> None:
    faults = ("glue", "random", "nan", "cut")
    reports = [report(), *(check(models.faulty(fault)) for fault in faults)]
    reports.append(check(models.block_pair(init=True)))
    assert all(valid(json.loads(json.dumps(to_dict(r), allow_nan=False))) for r in reports)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema", "parity-report/3"),
        ("verdict", "FINE"),
        ("passed", "yes"),
        ("counts", {"WITHIN_NOISE": -1}),
        ("findings", [{"path": "a"}]),
        ("seconds", None),
        ("first_divergence", {}),
    ],
)
def test_the_schema_refuses_what_is_no_report(key: str, value: object) -> None:
    assert valid(to_dict(report()))
    assert not valid({**to_dict(report()), key: value})
    assert not valid({k: v for k, v in to_dict(report()).items() if k != key})


def test_the_schema_has_every_field_and_word_of_the_code() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    assert set(schema["required"]) == set(to_dict(report()))
    texts = {"tensor", "reason", "allowed"}  # made from the fields, for people
    fields = {f.name for f in dataclasses.fields(Finding)} | texts
    assert set(schema["$defs"]["finding"]["required"]) == fields
    assert set(schema["$defs"]["finding"]["properties"]) == fields
    assert schema["$defs"]["verdict"]["enum"] == [v.name for v in Verdict]
    phases = schema["$defs"]["finding"]["properties"]["phase"]["enum"]
    assert phases == list(typing.get_args(Phase))
    properties = schema["$defs"]["finding"]["properties"]
    assert properties["quantity"]["enum"] == list(typing.get_args(Quantity))
    assert properties["scope"]["enum"] == list(typing.get_args(Scope))
    assert schema["$defs"]["cause"]["enum"] == [*(cause.name for cause in Cause), None]


def documented(section: str) -> dict[str, str]:
    """Return the rows of one table of docs/parity-json.md: name -> meaning."""
    text = (Path(__file__).parents[3] / "docs" / "parity-json.md").read_text(encoding="utf-8")
    table = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    return {row[0].strip("`"): row[-1] for row in rows if row and row[0].startswith("`")}


def test_the_document_has_every_field_and_cause_in_the_order_of_the_schema() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())
    assert list(documented("The report")) == schema["required"]
    assert list(documented("A finding")) == schema["$defs"]["finding"]["required"]
    assert documented("Causes") == {cause.name: cause.value for cause in Cause}
    properties = schema["$defs"]["finding"]["properties"]
    for field in ("phase", "quantity", "scope", "precision"):
        assert all(
            f"`{word}`" in documented("A finding")[field] for word in properties[field]["enum"]
        )
    verdicts = documented("A finding")["verdict"]
    assert all(f"`{verdict.name}`" in verdicts for verdict in Verdict)


def test_a_file_of_schema_1_is_read() -> None:
    old = Path(__file__).parent / "schema-1.json"
    values = json.loads(old.read_text(encoding="utf-8"))
    read = Report.load(old)
    assert values["schema"] == "parity-report/1"
    assert (read.pair, read.passed, read.verdict) == ("net", False, Verdict.ERROR)
    assert (read.counts, read.seconds) == (values["counts"], values["seconds"])
    for finding, expected in zip(read.findings, values["findings"], strict=True):
        for field in ("path", "phase", "confirmed", "tensor", "reason", "hint", "allowed"):
            assert getattr(finding, field) == expected[field], field
        assert finding.verdict.name == expected["verdict"]
        assert finding.stress_input == expected["probe"]
    first = read.first_divergence
    assert first is not None
    assert (first.tensor, first.error) == ("input of last", 9.999999999994227e-05)
    assert "in the code between output of norm and input of last" in str(read)


def test_what_was_read_from_schema_1_is_written_in_schema_2(tmp_path: Path) -> None:
    read = Report.load(Path(__file__).parent / "schema-1.json")
    read.save(tmp_path / "parity.json")
    assert valid(json.loads((tmp_path / "parity.json").read_text(encoding="utf-8")))
    assert str(Report.load(tmp_path / "parity.json")) == str(read)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"gap": "norm and last"}, "ValueError: 'norm' is no boundary of a module"),
        ({"verdict": "FINE"}, "KeyError: 'FINE'"),
        ({"probe": None, "error": "much"}, "ValueError: could not convert"),
    ],
)
def test_a_damaged_finding_of_schema_1_is_refused(
    change: dict[str, object], complaint: str
) -> None:
    values = json.loads((Path(__file__).parent / "schema-1.json").read_text(encoding="utf-8"))
    values["findings"][1] |= change
    with pytest.raises(CannotCompare, match=complaint):
        Report.from_dict(values)


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    values = to_dict(report())
    values["findings"][0]["added"] = 1
    assert str(Report.from_dict({**values, "added": 2})) == str(report())


def test_a_report_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "parity.json"
    report().save(path)
    again = Report.load(path)
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
        ("{", "is no JSON"),
        ("[]", "schema is None"),
        ('{"schema": "parity-report/0"}', "schema is 'parity-report/0'"),
        (f'{{"schema": "{SCHEMA}"}}', "not a complete report: KeyError: 'environment'"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "parity.json"
    path.write_text(text)
    with pytest.raises(CannotCompare) as caught:
        Report.load(path)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotCompare, match="cannot be written"):
        report().save(tmp_path / "file" / "parity.json")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


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


def test_the_document_and_the_schema_have_every_field_of_a_difference() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())["$defs"]["difference"]
    fields = [f.name for f in dataclasses.fields(Difference)]
    assert schema["required"] == list(schema["properties"]) == fields
    assert list(documented("Where a tensor differs")) == fields
    axis = schema["properties"]["axes"]["items"]
    assert axis["required"] == [f.name for f in dataclasses.fields(AxisShare)]
    assert axis["properties"]["profile"]["maxItems"] == PARTS


def test_only_findings_that_fail_have_a_difference_and_it_is_written(models: ModuleType) -> None:
    found = check(models.faulty("glue"))
    assert all((f.difference is not None) == f.is_fault for f in found.findings)
    assert not found.passed
    assert "     differs in all " in str(found)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"shape": [2]}, "has 2 axes, and 1 in its shape"),
        ({"count": 1.5}, "'1.5' is no number of elements"),
        ({"border": [[1], [1]]}, "not enough values to unpack"),
        ({"border": [[1, 1]]}, "has 2 axes, and 1 in its border"),
        ({"axes": [{"first": 0, "last": 0, "count": 0, "step": 1, "profile": []}] * 2}, "an axis"),
        (
            {"axes": [{"first": 0, "last": 0, "count": 1, "step": 1, "profile": ["nan"]}] * 2},
            "axis",
        ),
        ({"values": ["much", 1]}, "could not convert"),
    ],
)
def test_a_damaged_difference_is_refused(change: dict[str, object], complaint: str) -> None:
    values = to_dict(report())
    described = difference_of(np.zeros((2, 3)), np.eye(2, 3), 0.0)
    assert described is not None
    difference = {**vars(described), "axes": [vars(axis) for axis in described.axes]}
    values["findings"][1]["difference"] = difference
    assert Report.from_dict(values).findings[1].difference == described
    values["findings"][1]["difference"] = {**difference, **change}
    with pytest.raises(CannotCompare, match=complaint):
        Report.from_dict(values)


def test_the_document_and_the_schema_have_every_field_of_a_module() -> None:
    schema = json.loads(SCHEMA_FILE.read_text())["$defs"]["module"]
    fields = [{"kind": "class"}.get(name, name) for name in ModuleSide._fields]
    assert schema["required"] == list(schema["properties"]) == fields
    assert list(documented("A module")) == fields


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"path": 3}, "path of a module holds 3"),
        ({"parameters": -1}, "'-1' is no number of elements"),
        (
            {"source": [{"kind": "b", "file": "", "line": 1, "text": ""}]},
            "'b' is no kind of source",
        ),
        ({"source": None}, "source is 'None'"),
    ],
)
def test_a_damaged_module_is_refused(change: dict[str, object], complaint: str) -> None:
    module: dict[str, object] = {"path": "a", "class": "A", "parameters": 1, "source": []}
    values = to_dict(report())
    values["modules"] = [{"reference": module, "candidate": None}]
    assert Report.from_dict(values).modules[0].reference == ModuleSide("a", "A", 1)
    values["modules"] = [{"reference": {**module, **change}, "candidate": None}]
    with pytest.raises(CannotCompare, match=complaint):
        Report.from_dict(values)
