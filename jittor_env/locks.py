"""One process at a time compiles the core, and a dead one keeps nobody waiting.

Jittor holds `flock` on `.cache/jittor/.../jittor.lock` for the whole import. The kernel gives such
a lock up when its last holder ends, but the compile workers are forks and hold it too: kill the
parent, and whoever comes next waits for orphans.
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
    """Who holds a lock file: the process that took the lock, and whether it still lives."""

    path: Path
    pid: int
    alive: bool


def holders(path: Path) -> list[Holder]:
    """Everyone who holds a lock on `path`, as the kernel tells it (`/proc/locks`).

    Reads only: opening and closing the file would release this process's own POSIX locks on it.
    """
    try:
        inode, table = path.stat().st_ino, Path("/proc/locks").read_text()
    except OSError:
        return []
    rows = [line.split() for line in table.splitlines() if "->" not in line]
    pids = [int(row[4]) for row in rows if row[5].rpartition(":")[2] == str(inode)]
    # A pid of 0 or below belongs to another container: nothing is known of it, so it lives.
    return [Holder(path, pid, pid <= 0 or Path(f"/proc/{pid}").exists()) for pid in pids]


def lock_files() -> list[Path]:
    """Jittor's lock files in the cache."""
    # version / compiler / Python / system / processor / installation
    return sorted(cache.root().glob("jt*/*/*/*/*/*/jittor.lock"))


def abandoned() -> list[Holder]:
    """Locks whose owner is dead and that some orphan of it still holds."""
    return [held for path in lock_files() for held in holders(path) if not held.alive]


def clear_abandoned() -> list[Holder]:
    """Take the lock files of dead owners out of the way; Jittor makes new ones."""
    found = abandoned()
    for held in found:
        held.path.unlink(missing_ok=True)
        print(
            f"jittor_env: the lock of process {held.pid}, which is dead, was removed ({held.path})",
            file=sys.stderr,
        )
    return found


@contextmanager
def starting(*, together: bool = False) -> Iterator[None]:
    """Hold the right to start Jittor on this cache; says so once if it has to wait.

    Args:
        together: share it with others that say so too. Processes of one MPI run wait for each other
            inside the import; Jittor's own lock keeps them from compiling the same file.

    Raises:
        JittorEnvError: the file system of the cache knows no locks.
    """
    path = cache.own_folder() / "start.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    # A fork that kept the descriptor would keep the lock after its parent's death.
    open_here = [descriptor]
    os.register_at_fork(after_in_child=lambda: _close(open_here))
    try:
        _acquire(descriptor, path, fcntl.LOCK_SH if together else fcntl.LOCK_EX)
        yield
    finally:
        _close(open_here)


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())


def _acquire(descriptor: int, path: Path, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        who = ", ".join(str(held.pid) for held in holders(path)) or "another machine"
        print(f"jittor_env: waiting for process {who}, which is starting Jittor", file=sys.stderr)
        fcntl.flock(descriptor, kind)
    except OSError as error:
        raise JittorEnvError(
            f"the file system of {path} knows no locks ({error.strerror})",
            remedy="set JITTOR_HOME to a folder on a local disk",
        ) from error
