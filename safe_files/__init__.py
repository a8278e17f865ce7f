"""Write files that appear complete or not at all. Standard library only."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class CannotWrite(Exception):  # noqa: N818 - it is named after the finding, like parity's CannotCompare
    """An output path cannot be written.

    Its text is one line that says what was wrong, where, and what to do; a program prints it as it
    is and exits with status 2.
    """

    @classmethod
    def because(cls, path: Path | str, error: OSError) -> CannotWrite:
        """Return the error for a path that the operating system refuses."""
        reason = error.strerror or " ".join(str(error).split())
        return cls(f"{path} cannot be written: {reason}; choose another path")


@contextmanager
def replacing(path: Path | str, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to `path` when the block succeeds.

    Missing folders are made. If the block fails, or the process dies in it, an older file at `path`
    stays as it was. The temporary name keeps the suffix of `path`, for writers that look at it.

    Args:
        path: the file to write.
        durable: flush the bytes to disk before the rename, so that a power failure cannot leave an
            empty file; not worth its time for thousands of small images.

    Raises:
        CannotWrite: the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        mode = _create(path, temporary)
        yield temporary
        temporary.chmod(mode)  # safetensors puts a file of its own there, closed to other users
        if durable:
            _flush(temporary)
        os.replace(temporary, path)
        if durable and os.name == "posix":
            _flush(path.parent)
    except OSError as error:
        raise CannotWrite.because(path, error) from error
    finally:
        _discard(temporary)


def require_writable(path: Path | str) -> None:
    """Require that a file can be written, before the work is done whose result it is to hold.

    Missing folders are made; a file that exists stays as it is.

    Raises:
        CannotWrite: the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        _create(path, temporary)
    except OSError as error:
        raise CannotWrite.because(path, error) from error
    finally:
        _discard(temporary)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file.

    Raises:
        CannotWrite: the folder or the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(folder: Path | str) -> None:
    """Make a folder and its parents, where they are missing.

    Raises:
        CannotWrite: it cannot be made, for instance because a file has its name.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CannotWrite(
            f"{folder} cannot be written into: it is a file; choose another folder"
        ) from None
    except OSError as error:
        raise CannotWrite.because(folder, error) from error


def sweep(folder: Path | str, *, recursive: bool = True) -> None:
    """Remove the temporary files that killed processes left in a folder.

    No other process may be writing there.

    Args:
        folder: where to look.
        recursive: whether folders inside it are swept as well.
    """
    for path in Path(folder).glob("**/.*" if recursive else ".*"):
        if re.fullmatch(r"\..*\.[0-9a-f]{8}(\.\w+)?", path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    if not path.name:
        raise CannotWrite(f"{path} cannot be written: it is a folder; give a file's name")
    return path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")


def _create(path: Path, temporary: Path) -> int:
    """Make the temporary file and return the mode that the system gives new files here."""
    if path.is_dir():
        raise CannotWrite(f"{path} cannot be written: it is a folder; give a file's name")
    if path.exists() and not path.is_file():
        # A rename would put a file in the place of a device such as /dev/null.
        raise CannotWrite(f"{path} cannot be written: it is no regular file; choose another path")
    make_folder(path.parent)
    temporary.open("xb").close()  # fails now rather than after an hour of work
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
