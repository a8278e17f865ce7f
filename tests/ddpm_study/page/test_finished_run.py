"""A run is read from its own folder alone, and not at all where a number of it is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from ddpm.errors import InputError
from ddpm_study.page.finished_run import FinishedRun, read_audit
from ddpm_study.run.records import RunFolder


def name_file(run_path: Path, stage: str, key: str, name: str) -> None:
    path = run_path / "records" / f"{stage}.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    values["result"][key] = name
    path.write_text(json.dumps(values), encoding="utf-8")


def test_every_file_of_a_run_can_be_read(run_path):
    FinishedRun.load(run_path).require_files()


@pytest.mark.parametrize(
    ("stage", "key"), [("parity", "report"), ("train-torch", "log"), ("sample-same", "samples")]
)
@pytest.mark.parametrize("form", ["absolute", "parent", "link", "linked folder"])
def test_no_file_outside_of_the_folder_is_read(run_path, tmp_path, stage, key, form):
    own = RunFolder(run_path).result(stage)[key]
    outside = tmp_path / "outside" / Path(own).name
    outside.parent.mkdir()
    (run_path / own).rename(outside)
    names = {
        "absolute": str(outside),
        "parent": os.path.relpath(outside, run_path),
        "link": own,
        "linked folder": f"out/{outside.name}",
    }
    if form == "link":
        (run_path / own).symlink_to(outside)
    (run_path / "out").symlink_to(outside.parent)
    name_file(run_path, stage, key, names[form])
    with pytest.raises(InputError, match="outside of"):
        FinishedRun.load(run_path).require_files()


def test_a_link_within_the_folder_is_followed(run_path):
    own = RunFolder(run_path).result("parity")["report"]
    (run_path / own).rename(run_path / "moved.json")
    (run_path / own).symlink_to("moved.json")
    FinishedRun.load(run_path).require_files()


@pytest.mark.parametrize("loss", ["nan", "inf", "-inf"])
def test_a_loss_that_is_no_number_is_named_with_its_step(run_path, loss):
    log = run_path / RunFolder(run_path).result("train-torch")["log"]
    lines = log.read_text(encoding="utf-8").splitlines()
    lines[3] = f"epoch 1 step 3 loss {loss}"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"the loss of step 3 is {loss}"):
        FinishedRun.load(run_path).require_files()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_images_that_are_no_numbers_are_refused(run_path, value):
    path = run_path / RunFolder(run_path).result("sample-torch")["samples"]
    with np.load(path) as file:
        arrays = dict(file)
    arrays["images"].flat[7] = value
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="no finite images"):
        FinishedRun.load(run_path).require_files()


def test_images_of_another_number_are_refused(run_path):
    path = run_path / RunFolder(run_path).result("sample-same")["samples"]
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "images": arrays["images"][1:]})
    with pytest.raises(InputError, match="other shapes"):
        FinishedRun.load(run_path).require_files()


@pytest.mark.parametrize("rows", [None, 5, [5], [{"a": None}], [{"a": [1]}]])
def test_an_audit_has_rows_of_texts_and_numbers(tmp_path, rows):
    path = tmp_path / "audit.json"
    path.write_text(json.dumps({"schema": "ddpm-audit/2", "rows": rows}), encoding="utf-8")
    with pytest.raises(InputError, match="no record of an audit"):
        read_audit(path)
