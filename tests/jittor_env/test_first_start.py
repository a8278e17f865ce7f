"""An empty cache: two processes at once, and one that is killed during the compile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOAD = "import jittor_env; jt = jittor_env.load(); print((jt.array([1.0]) + 1).numpy())"


def start(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", LOAD],
        env={**os.environ, "PYTHONPATH": str(ROOT), "JITTOR_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_on_an_empty_cache(tmp_path):
    outcomes = [process.communicate() for process in [start(tmp_path), start(tmp_path)]]
    assert [out.strip() for out, _ in outcomes] == ["[2.]", "[2.]"], outcomes
    errors = "".join(err for _, err in outcomes)
    assert errors.count("this happens once") == 1
    assert errors.count("waiting for process") == 1


@pytest.mark.slow
def test_a_killed_start_does_not_hang_the_next(tmp_path):
    with start(tmp_path) as first:
        assert first.stderr is not None
        assert "this happens once" in first.stderr.readline()
        first.kill()
    out, err = start(tmp_path).communicate()
    assert out.strip() == "[2.]", err
