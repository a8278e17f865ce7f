"""Locks: one process at a time compiles the core, and the lock of a dead process is removed.

Jittor holds `flock` on `.cache/jittor/.../jittor.lock` during its import. The operating system
releases such a lock when its last holder ends. The compile workers are forks and hold it too: if
the parent is killed, the next process waits for the orphans.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jittor_env import cache
from jittor_env.errors import JittorEnvError


@dataclass(frozen=True)
class Holder:
    """The process that took the lock on a file, and whether it is alive."""

    path: Path
    pid: int
    alive: bool


def holders(path: Path) -> list[Holder]:
    """Return all holders of a lock on `path`, from `/proc/locks`.

    The file is not opened: closing it would release this process's own POSIX locks on it.
    """
    try:
        inode, table = path.stat().st_ino, Path("/proc/locks").read_text()
    except OSError:
        return []
    rows = [line.split() for line in table.splitlines() if "->" not in line]
    pids = [int(row[4]) for row in rows if row[5].rpartition(":")[2] == str(inode)]
    # A pid of 0 or below belongs to another container and counts as alive.
    return [Holder(path, pid, pid <= 0 or Path(f"/proc/{pid}").exists()) for pid in pids]


def lock_files() -> list[Path]:
    """Return Jittor's lock files in the cache."""
    # version / compiler / Python / system / processor / installation
    return sorted(cache.root().glob("jt*/*/*/*/*/*/jittor.lock"))


def abandoned() -> list[Holder]:
    """Return the locks whose owner is dead and that an orphan of it holds."""
    return [held for path in lock_files() for held in holders(path) if not held.alive]


def clear_abandoned() -> list[Holder]:
    """Remove the lock files of dead owners, for which Jittor makes new ones, and return them."""
    removed = abandoned()
    for held in removed:
        held.path.unlink(missing_ok=True)
        print(
            f"jittor_env: the lock of process {held.pid}, which is dead, was removed ({held.path})",
            file=sys.stderr,
        )
    return removed


@contextmanager
def starting(*, together: bool = False) -> Iterator[None]:
    """Hold the right to start Jittor on this cache; print one line before waiting for it.

    Args:
        together: share it with other processes that pass True. Those of one MPI run wait for each
            other inside the import; Jittor's own lock keeps them from compiling the same file.

    Raises:
        JittorEnvError: the file system of the cache knows no locks.
    """
    path = cache.own_folder() / "start.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    # A fork that kept the descriptor would keep the lock after its parent's end.
    descriptors = [descriptor]
    os.register_at_fork(after_in_child=lambda: _close(descriptors))
    try:
        _acquire(descriptor, path, fcntl.LOCK_SH if together else fcntl.LOCK_EX)
        yield
    finally:
        _close(descriptors)


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


def _acquire(descriptor: int, path: Path, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        pids = ", ".join(str(held.pid) for held in holders(path)) or "another machine"
        print(f"jittor_env: waiting for process {pids}, which is starting Jittor", file=sys.stderr)
        fcntl.flock(descriptor, kind)
    except OSError as error:
        raise JittorEnvError(
            f"the file system of {path} has no locks ({error.strerror})",
            remedy="set JITTOR_HOME to a folder on a local disk",
        ) from error
