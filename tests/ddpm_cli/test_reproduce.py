"""`ddpm reproduce` before it computes anything: what it refuses, and the plan that it prints."""

import fcntl
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ddpm.config import preset
from ddpm.data.image_set import ImageSet
from ddpm_cli import main
from ddpm_study.run.plan import manifest
from ddpm_study.run.records import RunFolder
from ddpm_study.run.sizes import SIZES
from ddpm_study.run.stage import Context
from ddpm_study.run.time_estimate import TimeEstimate


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        TimeEstimate, "measure", classmethod(lambda cls, config, threads: TimeEstimate(0.01, 0.001))
    )
    for name, shape in {
        "set": (64, 1, 28, 28),
        "few": (3, 1, 28, 28),
        "wide": (64, 1, 28, 30),
    }.items():
        ImageSet(-np.ones(shape, np.float32), np.zeros(shape[0], np.int64), ("x",)).save(
            f"{name}.npz"
        )
    return tmp_path


def reproduce(*words):
    return CliRunner().invoke(main, ["reproduce", *words])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--data", "few.npz"), "larger than the set of 3 images"),
        (("--data", "wide.npz"), "images are 28x30, not square"),
        (("--data", "none.npz"), "none.npz does not exist"),
        (("--preset", "cifar10"), "cifar10 must be prepared first: ddpm prepare --dataset cifar10"),
        (("--data", "set.npz", "--scale", "round=1"), "there is no size 'round'"),
        (("--data", "set.npz", "--num-samples", "0"), "samples = 0 cannot be used"),
        (("--data", "set.npz", "--only", "fly"), "there is no stage 'fly'"),
        (("--data", "set.npz", "--out", "set.npz"), "it is a file"),
    ],
)
def test_what_cannot_be_run_gets_one_line_and_starts_nothing(place, words, line):
    run = reproduce("--out", "out", *words)
    assert run.exit_code == 2, run.output
    assert line in run.output
    assert run.output.count("\n") == 1
    left = [path.name for path in place.rglob("*") if path.suffix != ".npz"]
    assert left in ([], ["out", "run.lock"])


def test_a_dry_run_prints_sizes_and_stages_and_leaves_nothing(place):
    run = reproduce("--data", "set.npz", "--scale", "rounds=7", "--num-samples", "5", "--dry-run")
    assert run.exit_code == 0, run.output
    assert "64 images; epochs 2, samples 5, sample_batch 5," in run.output
    assert "rounds 7" in run.output
    assert "sample-same" in run.output
    assert not (place / "reports").exists()


def test_a_second_run_in_a_folder_is_refused(place, monkeypatch):
    def held(*_):
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "lockf", held)
    run = reproduce("--data", "set.npz", "--out", "out")
    assert run.exit_code == 2
    assert run.output.startswith("ddpm: another ddpm reproduce is at work in out")


def stored_run(folder):
    """Store the manifest of a tiny run, as a version without samplers wrote it."""
    images = ImageSet.load("set.npz")
    run = Context(RunFolder(folder), "tiny", "mnist", images, preset("tiny"), SIZES["tiny"])
    RunFolder(folder).write_manifest(manifest(run, ()))
    path = next(folder.glob("run.json"))
    values = json.loads(path.read_text())
    del values["config"]["sample"]["sampler"], values["config"]["sample"]["steps"]
    path.write_text(json.dumps(values))


def test_a_run_from_before_samplers_can_be_continued_and_another_not(place):
    stored_run(Path("out"))
    words = ("--data", "set.npz", "--out", "out", "--dry-run")
    run = reproduce(*words)
    assert run.exit_code == 0, run.output
    run = reproduce(*words, "--T", "7")
    assert run.exit_code == 2
    assert "out holds another run (its config.diffusion.T is 100, not 7)" in run.output
