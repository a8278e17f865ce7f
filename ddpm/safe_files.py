"""Files that are either whole or not there."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ddpm.errors import InputError


@contextmanager
def replacing(path: Path | str, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    Missing folders are made. If the block fails, or the process dies in it, an older file at `path`
    stays as it was. The temporary name ends like `path`, for writers that look at the suffix.

    Args:
        path: where the file is to appear.
        durable: wait until the bytes are on the disk before the move, so that a power cut cannot
            leave an empty file; not worth its time for thousands of small images.

    Raises:
        InputError: the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        mode = _claim(path, temporary)
        yield temporary
        temporary.chmod(mode)  # safetensors puts a file of its own there, closed to other users
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable and os.name == "posix":
            _flush(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _discard(temporary)


def sweep(folder: Path) -> None:
    """Remove the temporary files that processes which were killed left anywhere in a folder.

    Nobody may be writing there.
    """
    for path in folder.rglob(".*"):
        if re.fullmatch(r"\..*\.[0-9a-f]{8}(\.\w+)?", path.name) and path.is_file():
            path.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file whole.

    Raises:
        InputError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        InputError: it cannot be made, as when a file has its name.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(
            f"{folder} cannot be written into: it is a file; choose another folder"
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(path: Path | str, error: OSError) -> InputError:
    """Return the error for an output path that the system refuses."""
    reason = error.strerror or str(error)
    return InputError(f"{path} cannot be written: {reason}; choose another place for it")


def _claim(path: Path, temporary: Path) -> int:
    """Make the temporary file and return the mode that the system gives new files here."""
    if path.is_dir():
        raise InputError(f"{path} cannot be written: it is a folder; give a file's name")
    make_folder(path.parent)
    temporary.open("xb").close()  # refused now, rather than after an hour of work
    return stat.S_IMODE(temporary.stat().st_mode)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # its folder is unreachable, so the file was never made
