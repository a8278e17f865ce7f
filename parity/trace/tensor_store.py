"""Stores of a run's tensors: all of them, the large ones on disk, or their distances only."""

from __future__ import annotations

import io
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from parity.base.numerics import Array, distance

# Size in bytes from which an array is kept on disk; for a smaller one, time costs more than memory.
LARGE = 2**18

Key = TypeVar("Key")


class _OnDisk(NamedTuple):
    """Where an array is in the file, and what its bytes mean."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class TensorSink(Mapping[Key, Any], Generic[Key]):
    """A mapping, in order of entry, to which arrays are added by key.

    Subclasses decide what they keep of an array, and so what the values of the mapping are.
    """

    def __init__(self) -> None:
        self._held: dict[Key, Any] = {}

    @abstractmethod
    def __setitem__(self, key: Key, array: Array) -> None:
        """Add an array, or what is kept of it; the caller may change the array afterwards."""

    def __getitem__(self, key: Key) -> Any:
        return self._held[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def only(self, keys: Collection[Key]) -> TensorSink[Key]:
        """Return a view, to be read, of what it has under some keys now."""
        return _View(self, [key for key in self if key in keys])


class _View(TensorSink[Key]):
    """A part of another store, to be read."""

    def __init__(self, store: TensorSink[Key], keys: Sequence[Key]) -> None:
        super().__init__()
        self._store = store
        self._held = dict.fromkeys(keys)

    def __setitem__(self, key: Key, array: Array) -> None:
        raise TypeError("a view is only read")

    def __getitem__(self, key: Key) -> Any:
        if key not in self._held:
            raise KeyError(key)
        return self._store[key]


class DistanceStore(TensorSink[Key]):
    """Distances by key: of each array that is added from the one that a store has under the key.

    A key that the store does not have, or has with another size, is left out. So a run of which
    only the distances are wanted needs no memory for its tensors.

    Args:
        store: the arrays from which distances are taken.
    """

    def __init__(self, store: Mapping[Key, Array]) -> None:
        super().__init__()
        self._store = store

    def __setitem__(self, key: Key, array: Array) -> None:
        baseline = self._store.get(key)
        if baseline is not None and baseline.size == array.size:
            self._held[key] = distance_of(array, baseline.reshape(array.shape))


class TensorStore(TensorSink[Key]):
    """Arrays by key, the large ones on disk, so that a trace may be larger than memory.

    Arrays are copied when they are added, and read-only when they are read. The file has no name,
    is created where `tempfile` creates files (TMPDIR), and is removed with this object.

    Args:
        large: size in bytes from which an array is kept on disk.
    """

    def __init__(self, large: int = LARGE) -> None:
        super().__init__()
        self._large = large
        self._file: io.FileIO | None = None
        self._end = 0

    def __setitem__(self, key: Key, array: Array) -> None:
        self._held[key] = (
            _read_only(array.copy()) if array.nbytes < self._large else self._write(array)
        )

    def __getitem__(self, key: Key) -> Array:
        held = self._held[key]
        return self._read(held) if isinstance(held, _OnDisk) else held

    def _write(self, array: Array) -> _OnDisk:
        if self._file is None:
            opened = tempfile.TemporaryFile(prefix="parity-", buffering=0)  # noqa: SIM115
            weakref.finalize(self, opened.close)
            self._file = opened
        written = _OnDisk(self._end, array.shape, array.dtype)
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
        self._file.seek(self._end)
        self._end += len(data)
        while data:  # a write may take only a part
            data = data[self._file.write(data) :]
        return written

    def _read(self, written: _OnDisk) -> Array:
        assert self._file is not None
        array = np.empty(written.shape, written.dtype)
        data = array.reshape(-1).view(np.uint8).data
        self._file.seek(written.offset)
        while data:
            taken = self._file.readinto(data)
            if not taken:
                raise OSError(
                    "the temporary file of a trace is shorter than what was written to it"
                )
            data = data[taken:]
        return _read_only(array)


def distance_of(array: Array, baseline: Array) -> float:
    """Return the distance of two arrays; of texts 0 or infinity."""
    if array.dtype.kind in "US":
        return 0.0 if np.array_equal(array, baseline) else np.inf
    return distance(array, baseline)


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array
