"""A mapping of arrays whose large ones lie on disk, so that a trace may be larger than memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from typing import IO, Any, Generic, NamedTuple, TypeVar

import numpy as np

from parity.framework import Array

# From this size on, in bytes, an array is written out; smaller ones cost more time than memory.
LARGE = 2**18

Key = TypeVar("Key")


class _Written(NamedTuple):
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class Shelf(MutableMapping[Key, Array], Generic[Key]):
    """Arrays by key, in order of entry.

    What is taken out is a copy, and nothing that is done to it comes back. The file has no name and
    goes with the object; it is made where `tempfile` makes files (TMPDIR).
    """

    def __init__(self, large: int = LARGE) -> None:
        self._held: dict[Key, Array | _Written] = {}
        self._large = large
        self._file: IO[bytes] | None = None

    def __setitem__(self, key: Key, array: Array) -> None:
        self._held[key] = array if array.nbytes < self._large else self._write(array)

    def __getitem__(self, key: Key) -> Array:
        held = self._held[key]
        return self._read(held) if isinstance(held, _Written) else held.copy()

    def __delitem__(self, key: Key) -> None:
        del self._held[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def _write(self, array: Array) -> _Written:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="parity-")  # noqa: SIM115 - lives with self
            weakref.finalize(self, self._file.close)
        offset = self._file.seek(0, 2)
        np.ascontiguousarray(array).tofile(self._file)
        return _Written(offset, array.shape, array.dtype)

    def _read(self, written: _Written) -> Array:
        assert self._file is not None
        self._file.seek(written.offset)
        count = int(np.prod(written.shape))
        return np.fromfile(self._file, written.dtype, count).reshape(written.shape)
