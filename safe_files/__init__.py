"""Write files that appear complete or not at all. Standard library only."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, ClassVar

from safe_files import abandoned


class CannotWrite(Exception):  # noqa: N818 - it is named after the finding, like parity's CannotCompare
    """An output path cannot be written.

    Its text is one line that says what was wrong, where, and what to do; a program prints it as it
    is and exits with status 2.

    Attributes:
        code: the word for this kind of refusal, for programs.
    """

    code: ClassVar[str] = "cannot-write"

    @classmethod
    def because(cls, path: Path | str, error: OSError) -> CannotWrite:
        """Return the error for a path that the operating system refuses."""
        reason = error.strerror or " ".join(str(error).split())
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some space and go on, or choose" if is_full else "choose"
        return cls(f"{path} cannot be written: {reason}; {remedy} another path")


# Names of temporary files: those of `replacing`, and those of the library safetensors, which writes
# beside the file that it was asked for and moves that.
_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}(\.\w+)?|\.tmp[A-Za-z0-9]{6}")


@contextmanager
def replacing(path: Path | str, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path` that is renamed to `path` when the block succeeds.

    Missing folders are made. If the block fails, or the process dies in it, an older file at `path`
    stays as it was. The temporary name keeps the suffix of `path`, for writers that look at it.
    What a killed process left of the same file is removed by the next one that is durable.

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
        if durable:
            abandoned.remove_those_of(path)
        with _create(path, temporary) as held:
            mode = stat.S_IMODE(os.fstat(held.fileno()).st_mode)
            yield temporary
            temporary.chmod(mode)  # safetensors puts a file of its own there, closed to other users
            if durable:
                _flush(temporary)
            os.replace(temporary, path)
        if durable:
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
        _create(path, temporary).close()
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
    """Remove the temporary files that killed processes left in a folder, as far as it may.

    Files of `replacing` whose writer lives stay. Those of safetensors do not show it: no other
    process may be writing such a file there.

    Args:
        folder: where to look.
        recursive: whether folders inside it are swept as well.
    """
    for path in Path(folder).glob("**/.*" if recursive else ".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            abandoned.remove(path)


def _temporary(path: Path) -> Path:
    if not path.name:
        raise CannotWrite(f"{path} cannot be written: it is a folder; give a file's name")
    return path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}{path.suffix}")


def _create(path: Path, temporary: Path) -> BinaryIO:
    """Make the temporary file, with the mode that the system gives new files here."""
    if path.is_dir():
        raise CannotWrite(f"{path} cannot be written: it is a folder; give a file's name")
    if path.exists() and not path.is_file():
        # A rename would put a file in the place of a device such as /dev/null.
        raise CannotWrite(f"{path} cannot be written: it is no regular file; choose another path")
    make_folder(path.parent)
    return abandoned.create(temporary)  # fails now rather than after an hour of work


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
