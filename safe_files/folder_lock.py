"""A folder that one process at a time writes into."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safe_files import CannotWrite, make_folder, sweep
from safe_files.abandoned import is_at

NAME = ".lock"


class FolderIsBusy(CannotWrite):
    """Another process holds a folder's lock."""

    code = "folder-is-busy"


@contextmanager
def folder_lock(folder: Path | str, *, busy: str) -> Iterator[None]:
    """Keep every other process that asks for the same lock out of a folder.

    The lock ends with the process, however it dies, and is not inherited by its children. Its file,
    `.lock`, is removed at the end; one that a killed process left locks nothing, and its temporary
    files in the folder are swept. A folder that is made for the lock and is still empty at its end
    is removed as well.

    Args:
        folder: it is made where it is missing.
        busy: the start of the line that says that another process holds the lock, for instance
            `another ddpm sample is at work`.

    Raises:
        FolderIsBusy: another process, or another block of this one, holds the lock.
        CannotWrite: the folder cannot be made or written, or its file system has no locks.
    """
    folder = Path(folder)
    existed = os.path.isdir(folder)  # unlike Path's, it takes any name
    descriptors = [_take(folder, busy)]
    # The lock lasts until the last descriptor is closed, and a fork inherits them.
    os.register_at_fork(after_in_child=lambda: _close(descriptors))
    try:
        sweep(folder, recursive=False)
        yield
    finally:
        with suppress(OSError):
            (folder / NAME).unlink()  # while it is still locked
        with suppress(OSError):
            if not existed:
                folder.rmdir()
        _close(descriptors)


def _take(folder: Path, busy: str) -> int:
    """Return a locked descriptor of the folder's lock file."""
    path = folder / NAME
    while True:
        make_folder(folder)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # the folder's former owner has just removed it
        except OSError as error:
            raise CannotWrite.because(folder, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode())
                return descriptor
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise FolderIsBusy(
                f"{busy} in {folder} (process {owner or 'unknown'}); wait until it ends, or choose"
                " another folder"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise CannotWrite.because(path, error) from error
        os.close(descriptor)  # its owner has just ended and removed it


def _close(descriptors: list[int]) -> None:
    while descriptors:
        os.close(descriptors.pop())
