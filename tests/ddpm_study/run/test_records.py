"""Records come back as they were written, and a foreign or damaged one is refused in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ddpm.config import preset
from ddpm.errors import InputError
from ddpm_study.run.records import Record, RunFolder, RunManifest
from safe_files import CannotWrite


def manifest():
    config = preset("tiny").to_dict()
    return RunManifest("tiny", "mnist", "abc", config, {"epochs": 2}, ["prepare"], ["seeds"])


def record(stage="prepare", **result):
    return Record(stage, "2026-01-01T00:00:00+00:00", 1.5, {"torch": "2"}, result)


def test_what_was_written_is_read(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.manifest() is None
    assert folder.record("prepare") is None
    folder.write_manifest(manifest())
    folder.write_record(record(gap=np.float64(0.5), shape=(1, 2)))
    assert folder.manifest() == manifest()
    assert folder.record("prepare") == record(gap=0.5, shape=[1, 2])
    assert folder.result("prepare") == {"gap": 0.5, "shape": [1, 2]}


def test_what_is_no_number_is_null_and_the_file_stays_json(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_record(record(gap=float("nan"), other=[np.inf]))
    assert json.loads((tmp_path / "records" / "prepare.json").read_text())["result"] == {
        "gap": None,
        "other": [None],
    }


def test_a_forgotten_stage_is_not_done(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_record(record())
    folder.remove_record("prepare")
    folder.remove_record("prepare")
    with pytest.raises(
        InputError, match=r"no record of the stage 'prepare'; run .* --only prepare"
    ):
        folder.result("prepare")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "is no JSON"),
        ("[]", "of schema None"),
        ('{"schema": "ddpm-reproduction/1", "agree": true}', "of schema 'ddpm-reproduction/1'"),
        ('{"schema": "ddpm-run/3", "stage": "pixels"}', "finished is missing"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, text, line):
    path = tmp_path / "records" / "pixels.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=line) as caught:
        RunFolder(tmp_path).record("pixels")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


HOLD = """
import sys
from pathlib import Path
from ddpm_study.run.records import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("alone", flush=True)
    sys.stdin.read()
"""


def test_a_folder_at_which_another_is_at_work_is_refused_until_that_one_dies(tmp_path):
    folder = RunFolder(tmp_path / "run")
    words = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"alone\n"
        with pytest.raises(InputError, match=r"another ddpm reproduce is at work in .*run"):
            folder.locked().__enter__()
        other.kill()
    with folder.locked():
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").locked().__enter__()
