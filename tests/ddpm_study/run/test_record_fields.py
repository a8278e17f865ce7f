"""The published example fits; what is missing or of another type is named by its place."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import pytest

from ddpm_study.run.plan import NAMES
from ddpm_study.run.record_fields import WrongField, check_manifest, check_record

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"


def record(stage: str) -> dict:
    return json.loads((EXAMPLE / "records" / f"{stage}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("stage", NAMES)
def test_a_record_of_a_run_fits(stage):
    check_record(record(stage), stage)


def test_a_manifest_of_a_run_fits():
    check_manifest(json.loads((EXAMPLE / "run.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("stage", "path", "value", "line"),
    [
        ("scores", ("rows", 1, "kid"), None, "result.rows[1].kid is null, which stands for NaN"),
        ("scores", ("rows", 0, "fid"), math.nan, "result.rows[0].fid is nan, not a finite number"),
        ("scores", ("rows", 0, "fid_interval"), [1.0], "a list of 1, not a list of 2"),
        ("scores", ("rows",), [], "result.rows is a list of 0, not a list of 3 or more"),
        ("timing", ("benchmarks", 0, "seconds", "jittor"), [], "not a list of 1 or more"),
        ("train-torch", ("log",), 5, "result.log is 5, not a text"),
        ("train-torch", ("steps",), True, "result.steps is True, not a whole number"),
        ("precision", ("agree",), 1, "result.agree is 1, not true or false"),
        ("parity", ("report",), {}, "result.report is an object of 0, not a text"),
    ],
)
def test_another_value_is_named_by_its_place(stage, path, value, line):
    values = copy.deepcopy(record(stage))
    at = values["result"]
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(WrongField) as caught:
        check_record(values, stage)
    assert line in str(caught.value)


def test_what_is_missing_is_named():
    values = record("pixels")
    del values["result"]["same_weights"]["equal"]
    with pytest.raises(WrongField, match=r"result\.same_weights\.equal is missing"):
        check_record(values, "pixels")


def test_a_record_of_another_stage_is_refused():
    with pytest.raises(WrongField, match="stage is 'parity', not 'schedule'"):
        check_record(record("parity"), "schedule")


@pytest.mark.parametrize("name", ["../parity", "/etc/passwd", "", "a b", 5, None])
def test_a_stage_has_a_plain_name(name):
    values = json.loads((EXAMPLE / "run.json").read_text(encoding="utf-8"))
    with pytest.raises(WrongField, match=r"stages\[0\]"):
        check_manifest({**values, "stages": [name]})
