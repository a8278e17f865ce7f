"""Jobs side by side: in other processes, in order, ended with this one."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from ddpm.errors import InputError
from ddpm_study.run import parallel as module
from ddpm_study.run.parallel import run_in_parallel
from jittor_env.errors import JittorEnvError

PATIENCE = 60


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0, 1})


def say(number):
    return number, os.getpid(), os.environ["OMP_NUM_THREADS"]


def fail(folder):
    raise InputError(f"{folder} is full")


def wait_for_each_other(folder, mine, other):
    """End only if the other is at work at the same time."""
    (folder / mine).touch()
    until = time.monotonic() + PATIENCE
    while not (folder / other).exists() and time.monotonic() < until:
        os.sched_yield()
    return (folder / other).exists()


def wait_to_be_interrupted(folder):
    """Leave a file of this process's number; say so when interrupted."""
    (folder / f"begun-{os.getpid()}").touch()
    until = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < until:
            os.sched_yield()
    except KeyboardInterrupt:
        (folder / f"ended-{os.getpid()}").touch()
        raise
    return None


def test_results_come_in_the_order_of_the_jobs_from_other_processes(two_cores):
    found = run_in_parallel([partial(say, number) for number in range(5)], 2)
    assert [number for number, _, _ in found] == list(range(5))
    processes = {process for _, process, _ in found}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {threads for _, _, threads in found} == {"1"}, "two cores are shared by two"


@pytest.mark.parametrize(("allowed", "each"), [("1", 1), ("6", 3), (None, 4), ("all", 4)])
def test_workers_share_what_the_user_allows(allowed, each, monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if allowed is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    assert module.threads(2) == each


def test_the_environment_is_left_as_it_was(two_cores, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    run_in_parallel([partial(say, 0), partial(say, 1)], 2)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TQDM_POSITION" not in os.environ


def test_jobs_run_at_the_same_time(two_cores, tmp_path):
    jobs = [
        partial(wait_for_each_other, tmp_path, "a", "b"),
        partial(wait_for_each_other, tmp_path, "b", "a"),
    ]
    assert run_in_parallel(jobs, 2) == [True, True]


@pytest.mark.parametrize(("cores", "wanted"), [({0}, 3), ({0, 1}, 1), ({0, 1}, 0)])
def test_a_single_worker_needs_no_other_process(cores, wanted, monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: cores)
    assert run_in_parallel([os.getpid] * 3, wanted) == [os.getpid()] * 3


def test_the_last_job_of_a_broken_run_has_the_threads_it_would_have_had(two_cores):
    ((_, process, threads),) = run_in_parallel([partial(say, 0)], 2)
    assert (process == os.getpid(), threads) == (False, "1"), "its sums are over as many threads"
    assert run_in_parallel([], 2) == []


@pytest.mark.parametrize("terminal", [False, True])
def test_each_worker_has_a_line_for_its_bars_on_a_terminal(terminal, two_cores, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    jobs = [partial(os.getenv, "TQDM_POSITION")] * 2
    assert run_in_parallel(jobs, 2) == (["0", "1"] if terminal else [None, None])


def test_when_one_fails_the_others_are_interrupted_and_its_error_is_raised(two_cores, tmp_path):
    with pytest.raises(InputError, match="is full"):
        run_in_parallel([partial(fail, tmp_path), partial(wait_to_be_interrupted, tmp_path)], 2)
    names = sorted(path.name.partition("-")[0] for path in tmp_path.iterdir())
    assert names in (["begun", "ended"], []), "a job that has begun is told"


def test_a_job_ended_from_outside_gets_one_line(two_cores, tmp_path):
    jobs = [partial(os._exit, 9), partial(wait_to_be_interrupted, tmp_path)]
    with pytest.raises(InputError, match="a process of this run was ended from outside"):
        run_in_parallel(jobs, 2)


def cannot_start():
    raise JittorEnvError("no compiler", remedy="install g++")


def test_the_error_of_a_framework_that_cannot_start_arrives_whole(two_cores):
    with pytest.raises(JittorEnvError) as caught:
        run_in_parallel([cannot_start, os.getpid], 2)
    assert str(caught.value) == "no compiler; install g++"
    assert caught.value.remedy == "install g++"


PROGRAM = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, {tests!r})
from ddpm_study.run import parallel as module
from test_parallel import wait_to_be_interrupted
module.os.sched_getaffinity = lambda _: {{0, 1}}
try:
    module.run_in_parallel([partial(wait_to_be_interrupted, Path({folder!r}))] * 2, 2)
except KeyboardInterrupt:
    sys.exit(130)
"""


def children_of(folder):
    """Start two jobs; return the process above them and their numbers, once they work."""
    tests = str(Path(__file__).parent)
    code = PROGRAM.format(tests=tests, folder=str(folder))
    run = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    until = time.monotonic() + PATIENCE
    while len(list(folder.glob("begun-*"))) < 2:
        assert time.monotonic() < until
        assert run.poll() is None
    return run, [int(path.name.partition("-")[2]) for path in folder.glob("begun-*")]


def gone(process):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
    return False


@pytest.mark.parametrize("everyone", [False, True])
def test_an_interrupt_reaches_each_job_once(everyone, tmp_path):
    run, children = children_of(tmp_path)
    assert run.pid not in map(os.getpgid, children), "or a terminal's would reach them as well"
    (os.killpg if everyone else os.kill)(run.pid, signal.SIGINT)
    assert run.wait(PATIENCE) == 130
    ended = {int(path.name.partition("-")[2]) for path in tmp_path.glob("ended-*")}
    assert ended == set(children)
    assert all(gone(child) for child in children)


def test_no_job_outlives_a_killed_parent(tmp_path):
    run, children = children_of(tmp_path)
    run.kill()
    run.wait(PATIENCE)
    assert all(gone(child) for child in children)
    assert not list(tmp_path.glob("ended-*"))


def test_a_worker_that_cannot_start_is_said_in_one_line(two_cores, monkeypatch):
    monkeypatch.setattr(module, "__name__", "ddpm_study.run.nowhere")
    with pytest.raises(InputError, match="a process of this run could not start: ModuleNotFound"):
        run_in_parallel([partial(say, number) for number in range(2)], 2)
