"""The bytes inside local archives, read in memory so that nothing can be unpacked elsewhere."""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddpm.errors import InputError


@dataclass(frozen=True)
class Member:
    """One file of a source: where it lies, in words fit for an error, and its unpacked bytes."""

    where: str
    content: bytes


def read_file(path: Path) -> bytes:
    """Return a file's bytes, unpacked if it is gzip (told by its first bytes, not by its name).

    Raises:
        InputError: it is missing, unreadable, or its gzip is truncated or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{path} cannot be read: {reason}; give a file that exists") from error
    return _unpacked(content, str(path))


def members(source: Path, wanted: re.Pattern[str]) -> dict[str, Member]:
    """Return the files of a folder or tar archive whose own name matches, by name less `.gz`.

    Folders are searched in depth; where a name occurs twice, the first in sorted order counts.

    Raises:
        InputError: the source is missing, or is neither a folder nor a whole tar archive.
    """
    found: dict[str, Member] = {}
    files = _in_folder(source, wanted) if source.is_dir() else _in_tar(source, wanted)
    for name, member in files:
        found.setdefault(name.removesuffix(".gz"), member)
    return found


def is_tar(source: Path) -> bool:
    """Tell whether a file is a tar archive, packed or not."""
    try:
        return source.is_file() and tarfile.is_tarfile(source)
    except (OSError, EOFError, zlib.error):  # is_tarfile reads the first block, and may stumble
        return False


def _unpacked(content: bytes, where: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{where} is damaged ({error}); fetch it again") from error


def _in_folder(folder: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, Member]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and wanted.fullmatch(path.name):
            yield path.name, Member(str(path), read_file(path))


def _in_tar(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, Member]]:
    try:
        with tarfile.open(archive) as tar:
            for entry in tar:
                name = PurePosixPath(entry.name).name
                stream = tar.extractfile(entry) if entry.isfile() else None
                if stream is not None and wanted.fullmatch(name):
                    where = f"{archive}:{entry.name}"
                    yield name, Member(where, _unpacked(stream.read(), where))
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"{archive} cannot be read as a folder or tar archive ({error}); fetch it again"
        ) from error
