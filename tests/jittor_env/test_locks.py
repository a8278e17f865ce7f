"""A lock whose owner is dead does not block the next process."""

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from jittor_env import JittorEnvError, cache, locks

# A parent takes the lock, forks a child that keeps the descriptor, and is killed.
ORPHAN_MAKER = """
import fcntl, os, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
child = os.fork()
if child == 0:
    time.sleep(600)
print(child, flush=True)
time.sleep(600)
"""


@pytest.fixture
def lock_file(empty_home):
    path = cache.root() / "jt1/g++1/py3/system/cpu/key/jittor.lock"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@pytest.fixture
def parent_and_orphan(lock_file):
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN_MAKER, str(lock_file)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    yield parent
    os.kill(orphan, signal.SIGKILL)  # first: it keeps the parent's pipe open
    parent.kill()
    parent.communicate()


def test_a_living_owner_is_left_alone(lock_file, parent_and_orphan):
    assert [held.alive for held in locks.holders(lock_file)] == [True]
    assert locks.clear_abandoned() == []
    assert lock_file.exists()


def test_a_dead_owner_is_recognised_and_removed(lock_file, parent_and_orphan, capsys):
    parent_and_orphan.kill()
    parent_and_orphan.wait()
    assert [held.pid for held in locks.clear_abandoned()] == [parent_and_orphan.pid]
    assert f"lock of process {parent_and_orphan.pid}, which is dead" in capsys.readouterr().err
    with lock_file.open("w") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_left_behind_is_no_lock(lock_file):
    assert locks.holders(lock_file) == []
    assert locks.abandoned() == []


def test_a_fork_does_not_keep_the_start_lock(empty_home):
    fork = multiprocessing.get_context("fork")
    running, stay = fork.Event(), fork.Event()

    def live() -> None:
        running.set()
        stay.wait()

    with locks.starting():
        child = fork.Process(target=live, daemon=True)
        child.start()
        running.wait()
    with open(cache.own_folder() / "start.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    stay.set()
    child.join()


def test_no_locks_on_this_file_system(empty_home, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(JittorEnvError, match=r"has no locks \(No locks available.*on a local disk$"),
        locks.starting(),
    ):
        pass


def start_lock_is_free_for(kind):
    with (cache.own_folder() / "start.lock").open("w") as again:
        try:
            fcntl.flock(again, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_processes_of_one_mpi_run_start_together_and_others_wait(empty_home):
    with locks.starting(together=True):
        assert start_lock_is_free_for(fcntl.LOCK_SH)
        assert not start_lock_is_free_for(fcntl.LOCK_EX)
    with locks.starting():
        assert not start_lock_is_free_for(fcntl.LOCK_SH)
