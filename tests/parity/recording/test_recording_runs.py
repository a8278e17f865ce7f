"""Runs that are written while they are made: each once, also one that raises."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from parity.errors import RaisedWhenRecorded, SideRaised
from parity.noise.side_runner import FunctionRunner, one_ulp
from parity.prepare import prepare
from parity.recording.files.tensor_archive import ArchiveReader, writing
from parity.recording.recording_runs import RecordingRunner, RecordingRuns
from parity.trace.sites import TensorSite

SITE = TensorSite("optimizer", "a", "state", "weight", "a", group="weights", scope="step")


def test_a_run_is_written_once(models: ModuleType, tmp_path: Path) -> None:
    runner = prepare(models.block_pair()).runner
    spec = runner.run_spec(runner.reference, "float32")
    with writing(tmp_path / "x") as archive:
        runs = RecordingRuns(archive)
        first = runs.end_to_end(runner.reference, spec)
        again = runs.end_to_end(runner.reference, spec)
        with runs.perturbing(one_ulp("float64", 0, 0)):
            other = runs.end_to_end(runner.reference, spec)
    assert first.origin == again.origin != other.origin
    assert list(runs.index) == [first.origin, other.origin]
    assert json.loads(other.origin)["operations"] == "one ulp float64 0 0"
    names = {entry["at"] for entry in runs.index.values()}
    assert all(ArchiveReader(tmp_path / "x").json(f"{name}.json")["recorded"] for name in names)


def test_that_a_side_raised_is_written(models: ModuleType, tmp_path: Path) -> None:
    runner = prepare(models.block_pair()).runner
    model: Any = runner.reference.adapter.module

    def raises(*_: Any) -> None:
        raise RuntimeError("no further")

    spec = runner.run_spec(runner.reference, "float32")
    model.conv.forward = raises
    with writing(tmp_path / "x") as archive:
        runs = RecordingRuns(archive)
        with pytest.raises(SideRaised):
            runs.isolated(runner.reference, spec)
    (entry,) = runs.index.values()
    error = RaisedWhenRecorded("reference", "torch", *entry["raised"])
    assert (error.module, error.precision) == ("conv", "float32")
    assert "no further" in str(error)


def test_the_runs_of_a_step_are_written(tmp_path: Path) -> None:
    import numpy as np

    def run(precision: str, perturbation: Any) -> dict[TensorSite, Any]:
        array = np.full(3, 2.0, precision)
        return {SITE: array if perturbation is None else perturbation(array, "a")}

    with writing(tmp_path / "x") as archive:
        runs = RecordingRuns(archive)
        side = RecordingRunner(FunctionRunner(run), runs, 0)  # type: ignore[arg-type]
        side.values("float64")
        side.values("float64")
        distance = side.distances("float32", one_ulp("float32", 0, 0))[SITE]
        assert side.with_perturbed_operations(lambda array: array) is None
    assert distance == pytest.approx(2.0**-22, rel=1)
    assert [json.loads(key)[1:3] for key in runs.index] == [
        ["step 0", "float64"],
        ["step 0", "float32 distances"],
    ]
