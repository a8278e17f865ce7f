"""One process at a time writes into a folder, and a dead one holds nothing."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from safe_files import CannotWrite
from safe_files.folder_lock import FolderIsBusy, folder_lock

HOLD = """
import sys
from safe_files.folder_lock import folder_lock
with folder_lock(sys.argv[1], busy="another program is at work"):
    print("held", flush=True)
    sys.stdin.readline()
"""
FORK = """
import os, signal, sys
from safe_files.folder_lock import folder_lock
with folder_lock(sys.argv[1], busy=""):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    signal.pause()
"""
BUSY = "another program is at work"


def started(source: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield another process that holds the lock of `folder`."""
    process = started(HOLD, tmp_path / "folder")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_of_another_process_is_refused_in_one_line(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    (tmp_path / "folder" / "its.png").write_text("work")
    with (
        pytest.raises(FolderIsBusy) as caught,
        folder_lock(tmp_path / "folder", busy=BUSY),
    ):
        pass
    line = f"{BUSY} in {tmp_path}/folder (process {owner.pid}); wait until it ends, or choose"
    assert re.fullmatch(re.escape(line) + " another folder", str(caught.value))
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {".lock", "its.png"}


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, owner: subprocess.Popen[str]) -> None:
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert (tmp_path / "folder" / ".lock").exists(), "the kill leaves the file"
    for name in (".x.0a1b2c3d.png", ".tmpQ7aB1z"):
        (tmp_path / "folder" / name).touch()
    with folder_lock(tmp_path / "folder", busy=BUSY):
        assert (tmp_path / "folder" / ".lock").read_text() == f"{os.getpid()}\n"
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_process_cannot_take_its_own_lock_twice(tmp_path: Path) -> None:
    with folder_lock(tmp_path, busy=BUSY):
        for _ in range(2):  # the refused one leaves the lock as it is
            with pytest.raises(FolderIsBusy), folder_lock(tmp_path, busy=BUSY):
                pass
    with folder_lock(tmp_path, busy=BUSY):
        pass


def test_a_fork_that_outlives_its_killed_parent_does_not_keep_the_lock(tmp_path: Path) -> None:
    with started(FORK, tmp_path) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        try:
            parent.kill()
            parent.wait()
            with folder_lock(tmp_path, busy=BUSY):
                os.kill(orphan, 0)  # it is still there
        finally:
            os.kill(orphan, signal.SIGKILL)


def test_a_lock_file_that_its_owner_removed_meanwhile_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, removed = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not removed:  # between the opening and the locking
            removed.append(os.fstat(descriptor).st_ino)
            (tmp_path / ".lock").unlink()
            (tmp_path / ".keeps the inode apart").touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with folder_lock(tmp_path, busy=BUSY):
        assert removed
        with pytest.raises(FolderIsBusy), folder_lock(tmp_path, busy=BUSY):
            pass


@pytest.mark.parametrize("keep", [False, True])
def test_a_folder_made_for_the_lock_goes_if_nothing_came(tmp_path: Path, keep: bool) -> None:
    with folder_lock(tmp_path / "new", busy=BUSY):
        if keep:
            (tmp_path / "new" / "x.png").touch()
    assert (tmp_path / "new").exists() == keep
    with folder_lock(tmp_path, busy=BUSY):
        pass
    assert tmp_path.exists()


def test_a_folder_that_cannot_be_locked_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotWrite, match=r"file cannot be written into: it is a file"),
        folder_lock(tmp_path / "file", busy=BUSY),
    ):
        pass

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(CannotWrite, match=r"^.*\.lock cannot be written: No locks available; ch"),
        folder_lock(tmp_path, busy=BUSY),
    ):
        pass


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(CannotWrite, match="File name too long"),
        folder_lock(tmp_path / ("n" * 300), busy="x"),
    ):
        raise AssertionError
