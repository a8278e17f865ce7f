"""Read files and archives in memory, so that an archive cannot write outside its folder."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ddpm.data.limits import LARGEST_SOURCE
from ddpm.errors import InputError
from safe_files.reading import CannotRead, read_bytes, require_file

DEEPEST = 2  # the archives, unpacked, have no more folders in each other


@dataclass(frozen=True)
class Member:
    """One file of a source.

    Attributes:
        where: its path for error messages, `ARCHIVE:MEMBER` inside an archive.
        content: its bytes, decompressed.
    """

    where: str
    content: bytes


def read_file(path: Path) -> bytes:
    """Return a file's bytes, decompressed if its first bytes, not its name, say that it is gzip.

    Raises:
        InputError: it is missing, no regular file, too large, or its gzip is truncated or damaged.
    """
    try:
        content = read_bytes(path, most=LARGEST_SOURCE)
    except CannotRead as error:
        raise InputError(f"{error}; give a file that exists") from None
    return _decompressed(content, str(path))


def members(source: Path, wanted: re.Pattern[str]) -> dict[str, Member]:
    """Return the files of a folder or tar archive whose name matches, by name without `.gz`.

    Folders are searched recursively; of equal names the first in sorted order is taken.

    Raises:
        InputError: the source is missing, or is neither a folder nor an intact tar archive.
    """
    by_name: dict[str, Member] = {}
    files = _in_folder(source, wanted) if os.path.isdir(source) else _in_tar(source, wanted)
    for name, member in files:
        by_name.setdefault(name.removesuffix(".gz"), member)
    return by_name


def is_tar(source: Path) -> bool:
    """Tell whether a file is a tar archive, compressed or not."""
    try:
        return os.path.isfile(source) and tarfile.is_tarfile(source)
    except (OSError, EOFError, zlib.error):  # is_tarfile fails on a damaged first block
        return False


def _decompressed(content: bytes, where: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            opened = file.read(LARGEST_SOURCE + 1)
        _require_size(where, len(opened))
        return opened
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{where} is damaged ({error}); download it again") from error


def _require_size(where: str, size: int) -> None:
    if size > LARGEST_SOURCE:
        raise InputError(
            f"{where} opens to more than {LARGEST_SOURCE:,} bytes, which no file of a data set has;"
            " download it again"
        )


def _in_folder(folder: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, Member]]:
    # Unlike `rglob`, this passes over a folder that cannot be read, or that goes while it runs.
    for path in sorted(_files(folder)):
        if wanted.fullmatch(path.name):
            yield path.name, Member(str(path), read_file(path))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, down to `DEEPEST` folders in it: `/` is not searched through."""
    for root, folders, names in os.walk(folder):
        if len(Path(root).relative_to(folder).parts) >= DEEPEST:
            folders.clear()
        yield from (Path(root, name) for name in names)


def _in_tar(archive: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, Member]]:
    try:
        require_file(archive)
    except CannotRead as error:
        raise InputError(f"{error}; give a folder or an archive that exists") from None
    try:
        with tarfile.open(archive) as tar:
            for entry in tar:
                name = PurePosixPath(entry.name).name
                stream = tar.extractfile(entry) if entry.isfile() else None
                if stream is not None and wanted.fullmatch(name):
                    where = f"{archive}:{entry.name}"
                    _require_size(where, entry.size)
                    yield name, Member(where, _decompressed(stream.read(), where))
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"{archive} cannot be read as a folder or tar archive ({error}); download it again"
        ) from error
