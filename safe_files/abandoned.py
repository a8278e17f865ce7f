"""Temporary files: a living writer holds a lock on its own, so that others can be removed."""

from __future__ import annotations

import fcntl
import glob
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def create(path: Path) -> BinaryIO:
    """Create a file and hold its lock until it is closed or the process ends.

    Raises:
        OSError: it cannot be created. A file system without locks is no error.
    """
    while True:
        file = path.open("xb")
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        if is_at(path, file.fileno()):
            return file
        file.close()  # it was removed before it was locked


def remove(path: Path) -> None:
    """Remove a temporary file, unless its writer lives or it may not be removed."""
    with suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def remove_those_of(path: Path) -> None:
    """Remove the temporary files that dead writers of one path left beside it."""
    stem = path.stem[:100]
    name = re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{8}}{re.escape(path.suffix)}")
    with suppress(OSError):
        for other in path.parent.glob(f".{glob.escape(stem)}.*"):
            if name.fullmatch(other.name):
                remove(other)


def is_at(path: Path, descriptor: int) -> bool:
    """Tell whether an open file is still the one at a path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
