"""Records come back as they were written, and a foreign or damaged one is refused in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ddpm.config import preset
from ddpm.errors import InputError
from ddpm_study.records import Record, RunFolder, RunManifest
from safe_files import CannotWrite


def head():
    return RunManifest("tiny", "mnist", "abc", preset("tiny").to_dict(), {"epochs": 2}, ["seeds"])


def record(**result):
    return Record("probe", "2026-01-01T00:00:00+00:00", 1.5, {"torch": "2"}, result)


def test_what_was_written_is_read(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.head() is None
    assert folder.record("probe") is None
    folder.write_head(head())
    folder.write_record(record(gap=np.float64(0.5), shape=(1, 2)))
    assert folder.head() == head()
    assert folder.record("probe") == record(gap=0.5, shape=[1, 2])
    assert folder.result("probe") == {"gap": 0.5, "shape": [1, 2]}


def test_what_is_no_number_is_null_and_the_file_stays_json(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_record(record(gap=float("nan"), other=[np.inf]))
    assert json.loads((tmp_path / "records" / "probe.json").read_text())["result"] == {
        "gap": None,
        "other": [None],
    }


def test_a_forgotten_stage_is_not_done(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_record(record())
    folder.forget("probe")
    folder.forget("probe")
    with pytest.raises(InputError, match=r"no record of the stage 'probe'; run .* --only probe"):
        folder.result("probe")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "cannot be read"),
        ("[]", "of schema None"),
        ('{"schema": "ddpm-reproduction/1", "agree": true}', "of schema 'ddpm-reproduction/1'"),
        ('{"schema": "ddpm-run/2", "stage": "probe"}', "is not complete"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, text, line):
    path = tmp_path / "records" / "probe.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=line) as caught:
        RunFolder(tmp_path).record("probe")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


HOLD = """
import sys
from pathlib import Path
from ddpm_study.records import RunFolder
with RunFolder(Path(sys.argv[1])).alone():
    print("alone", flush=True)
    sys.stdin.read()
"""


def test_a_folder_at_which_another_is_at_work_is_refused_until_that_one_dies(tmp_path):
    folder = RunFolder(tmp_path / "run")
    words = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"alone\n"
        with pytest.raises(InputError, match=r"another ddpm reproduce is at work in .*run"):
            folder.alone().__enter__()
        other.kill()
    with folder.alone():
        pass


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="cannot be written"):
        RunFolder(tmp_path / "file" / "run").alone().__enter__()
