"""Read files that may be anything: only regular ones, up to a size, and JSON without NaN."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, NoReturn

_CHUNK = 1 << 20
_RECURSION_LIMIT = 1000  # Python's default
LARGEST_TEXT = 1 << 28  # 256 MiB; the longest log of a training of weeks has a tenth


class CannotRead(Exception):  # noqa: N818 - it is named after the finding, like CannotWrite
    """An input cannot be read.

    Its text says on one line what was wrong, and where; whoever catches it adds what to do.

    Attributes:
        code: the word for this kind of refusal, for programs.
    """

    code: ClassVar[str] = "cannot-read"


def require_file(path: Path | str) -> os.stat_result:
    """Require a regular file, without opening it: to open a FIFO is to wait for its writer.

    Links are followed.

    Raises:
        CannotRead: it is missing, a folder, a FIFO, a socket or a device, or its name is none.
    """
    shown = show(path)
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise CannotRead(f"{shown} does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise CannotRead(f"{shown} cannot be read: {reason}") from None
    if stat.S_ISDIR(found.st_mode):
        raise CannotRead(f"{shown} is a folder, not a file")
    if not stat.S_ISREG(found.st_mode):
        raise CannotRead(f"{shown} is a pipe or a device, not a regular file")
    return found


def require_folder(path: Path | str) -> None:
    """Require a folder.

    Raises:
        CannotRead: it is missing, or something else.
    """
    try:
        require_file(path)
    except CannotRead as error:
        if os.path.isdir(path):
            return
        raise error from None
    raise CannotRead(f"{show(path)} is a file, not a folder")


def read_bytes(path: Path | str, *, most: int = LARGEST_TEXT) -> bytes:
    """Return the content of a regular file of at most `most` bytes.

    Raises:
        CannotRead: it is no such file.
    """
    size = require_file(path).st_size
    if size > most:
        raise CannotRead(
            f"{show(path)} is too large: {size:,} bytes, and at most {most:,} are read"
        )
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CannotRead(f"{show(path)} cannot be read: {error.strerror or error}") from None


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        return sha256_of(file)


def sha256_of(file: BinaryIO, size: int | None = None) -> str:
    """Return the SHA-256 of an open file's first bytes, in hexadecimal.

    Args:
        file: is read from its start.
        size: how many bytes; None for all.
    """
    digest, left = hashlib.sha256(), size
    file.seek(0)
    while chunk := file.read(_CHUNK if left is None else min(_CHUNK, left)):
        digest.update(chunk)
        left = None if left is None else left - len(chunk)
    return digest.hexdigest()


def read_text(path: Path | str, *, most: int = LARGEST_TEXT) -> str:
    """Return the content of a UTF-8 text file.

    Raises:
        CannotRead: it is no such file.
    """
    try:
        return read_bytes(path, most=most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CannotRead(f"{show(path)} is no text in UTF-8: byte {error.start} is wrong") from None


def read_json(
    path: Path | str,
    *,
    most: int = LARGEST_TEXT,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """Return the values of a JSON file, in which NaN and infinity are no numbers.

    Raises:
        CannotRead: it is no such file, or nested beyond what Python reads.
    """
    text = read_text(path, most=most)
    try:
        return parse_json(text, object_hook=object_hook)
    except RecursionError:
        raise CannotRead(f"{show(path)} cannot be read: it is nested too deeply") from None
    except ValueError as error:
        raise CannotRead(f"{show(path)} is no JSON: {error}") from None


def parse_json(
    text: str | bytes, *, object_hook: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Return the values of a JSON text, in which NaN and infinity are no numbers.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested beyond what Python reads.
    """
    with _usual_recursion_limit():
        return json.loads(text, object_hook=object_hook, parse_constant=_refuse_constant)


def show(path: Path | str, *, longest: int = 120) -> str:
    """Return a path for a message: on one line, and shortened in the middle where it is long."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= longest else f"{text[: longest // 2]}…{text[-longest // 2 :]}"


@contextmanager
def _usual_recursion_limit() -> Iterator[None]:
    """Set Python's own limit, where a library such as Jittor has raised it.

    At Jittor's million a deeply nested text ends the process: the C stack overflows first.
    """
    before = sys.getrecursionlimit()
    with suppress(RecursionError):  # raised where the caller is deeper already
        sys.setrecursionlimit(min(before, _RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
