"""Where a run puts its tensors: kept, the large ones on disk, or measured and let go."""

from __future__ import annotations

import io
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from parity.base.numerics import Array, distance

# From this size on, in bytes, an array is written out; smaller ones cost more time than memory.
LARGE = 2**18

Key = TypeVar("Key")


class _Written(NamedTuple):
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class TensorSink(Mapping[Key, Any], Generic[Key]):
    """Takes arrays in by key; what it gives out, in order of entry, is its own affair."""

    def __init__(self) -> None:
        self._held: dict[Key, Any] = {}

    @abstractmethod
    def __setitem__(self, key: Key, array: Array) -> None:
        """Take an array in, which may be written on afterwards."""

    def __getitem__(self, key: Key) -> Any:
        return self._held[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held


class DistanceStore(TensorSink[Key]):
    """Distances by key, of what is put in from what a shelf has there.

    Where the shelf has nothing, or something of another size, there is none. A run that is only
    asked how far it strays costs no memory in this way, and is read once.
    """

    def __init__(self, store: Mapping[Key, Array]) -> None:
        super().__init__()
        self._store = store

    def __setitem__(self, key: Key, array: Array) -> None:
        baseline = self._store.get(key)
        if baseline is not None and baseline.size == array.size:
            self._held[key] = distance(array, baseline.reshape(array.shape))


class TensorStore(TensorSink[Key]):
    """Arrays by key, the large ones on disk, so that a trace may be larger than memory.

    What is taken out may be read and not written. The file has no name and goes with the object; it
    is made where `tempfile` makes files (TMPDIR).
    """

    def __init__(self, large: int = LARGE) -> None:
        super().__init__()
        self._large = large
        self._file: io.FileIO | None = None
        self._end = 0

    def __setitem__(self, key: Key, array: Array) -> None:
        self._held[key] = _frozen(array) if array.nbytes < self._large else self._write(array)

    def __getitem__(self, key: Key) -> Array:
        held = self._held[key]
        return self._read(held) if isinstance(held, _Written) else held

    def _write(self, array: Array) -> _Written:
        if self._file is None:
            opened = tempfile.TemporaryFile(prefix="parity-", buffering=0)  # noqa: SIM115
            weakref.finalize(self, opened.close)
            self._file = opened
        written = _Written(self._end, array.shape, array.dtype)
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        self._file.seek(self._end)
        self._end += len(data)
        while data:  # the system may take less than it is given
            data = data[self._file.write(data) :]
        return written

    def _read(self, written: _Written) -> Array:
        assert self._file is not None
        array = np.empty(written.shape, written.dtype)
        data = array.reshape(-1).view(np.uint8).data
        self._file.seek(written.offset)
        while data:
            taken = self._file.readinto(data)
            if not taken:
                raise OSError("a file of the trace has become shorter than it was written")
            data = data[taken:]
        return _sealed(array)


def _frozen(array: Array) -> Array:
    return _sealed(array.copy())


def _sealed(array: Array) -> Array:
    array.flags.writeable = False
    return array
