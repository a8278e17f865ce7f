"""Archives of arrays, .npz: what they declare is checked before anything is read."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ddpm.data.limits import LARGEST_SET
from safe_files.reading import CannotRead, require_file, show

# Numbers compress to a tenth or so. An archive that claims to open to more than a hundred times its
# size, and to more than this, is made to fill the memory.
_MOST_RATIO, _ALWAYS_FITS = 100, 1 << 30


@dataclass(frozen=True)
class Declared:
    """The header of an array.

    Attributes:
        shape, dtype: of the array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return prod(self.shape) * self.dtype.itemsize


class Npz:
    """An open archive; use it as a context manager. Members that nobody asks for stay unread.

    Raises:
        CannotRead: it is missing, no regular file, or no archive of arrays.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._file_size = require_file(path).st_size
        with _Refusing(path):
            with Path(path).open("rb") as file:
                if file.read(6) == npy.MAGIC_PREFIX:
                    raise CannotRead(f"{show(path)} is a single array, not an .npz")
            self._archive = zipfile.ZipFile(path)
        self._read = 0

    def __enter__(self) -> Npz:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    @property
    def names(self) -> list[str]:
        """The names of the arrays."""
        return [name[:-4] for name in self._archive.namelist() if name.endswith(".npy")]

    def declared(self, name: str) -> Declared:
        """Return the header of an array.

        Raises:
            CannotRead: there is no such array, or its header is damaged.
        """
        with _Refusing(self._path), self._archive.open(f"{name}.npy") as member:
            version = npy.read_magic(member)
            if version == (1, 0):
                header = npy.read_array_header_1_0(member)
            else:
                header = npy.read_array_header_2_0(member)
            shape, _, dtype = header
            if dtype.hasobject:
                raise ValueError(f"{name} holds Python objects, a pickle, which is never loaded")
            declared = Declared(shape, dtype)
            if not all(size >= 0 for size in shape):
                raise ValueError(f"{name} has the shape {shape}")
            actual = self._archive.getinfo(f"{name}.npy").file_size - member.tell()
            if declared.size != actual:
                raise ValueError(f"{name} has {actual} bytes, and its header says {declared.size}")
            return declared

    def read(self, name: str) -> NDArray[Any]:
        """Return an array.

        Raises:
            CannotRead: there is none, it is damaged, or it opens to more than the memory holds.
        """
        self._read += self.declared(name).size
        if self._read > min(LARGEST_SET, max(_ALWAYS_FITS, _MOST_RATIO * self._file_size)):
            raise CannotRead(
                f"{show(self._path)} opens to {self._read / 2**30:,.1f} GiB from"
                f" {self._file_size:,} bytes and is not read"
            )
        with _Refusing(self._path), self._archive.open(f"{name}.npy") as member:
            array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
            return array


def read_arrays(path: Path | str, names: Collection[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return some arrays of an archive, or all of them.

    Raises:
        CannotRead: one is missing or damaged, or they open to more than the memory holds.
    """
    with Npz(path) as archive:
        return {name: archive.read(name) for name in (archive.names if names is None else names)}


class _Refusing:
    """Turns whatever a damaged archive raises into one line."""

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        # A damaged archive can fail in any way at all.
        if isinstance(error, Exception) and not isinstance(error, CannotRead):
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CannotRead(
                f"{show(self._path)} is damaged, or no .npz of plain arrays ({reason})"
            ) from None
