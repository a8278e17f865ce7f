"""A zip file of JSON and of safetensors: written as a stream, read one tensor at a time.

The tensors are stored as they are, since noise does not compress; the JSON is compressed. Each
`.safetensors` member, taken out of the archive, is a file of that format.
"""

from __future__ import annotations

import json
import math
import os
import struct
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from parity.base.numerics import Array
from parity.base.progress import begin
from parity.errors import CannotCompare
from safe_files import replacing
from safe_files.reading import LARGEST_TEXT, CannotRead, parse_json, require_file, sha256_of, show

# NumPy's dtypes and their names in the format (source: the documentation of safetensors).
_NAMES = {
    **{"float64": "F64", "float32": "F32", "float16": "F16", "bool": "BOOL"},
    **{"int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8"},
    **{"uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8"},
}
_DTYPES = {name: np.dtype(dtype) for dtype, name in _NAMES.items()}
_CHUNK = 1 << 22
# The comment at the end of the file is the digest of all that is before it.
_SEAL = 64
_DATE = (1980, 1, 1, 0, 0, 0)  # equal runs are equal files
_ENCODED = {"complex64": np.float32, "complex128": np.float64}


class Source(NamedTuple):
    """A tensor that will be written: what it is, and how to get it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    read: Callable[[], Array]

    @classmethod
    def of(cls, array: Array) -> Source:
        """Return the source of an array in memory."""
        return cls(array.dtype, array.shape, lambda: array)


class ArchiveWriter:
    """Writes members one after the other; see `writing`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def add_json(self, name: str, values: Any) -> None:
        """Write a member of JSON, in which every number is finite."""
        text = json.dumps(values, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        info = zipfile.ZipInfo(name, _DATE)
        info.compress_type = zipfile.ZIP_DEFLATED
        self._file.writestr(info, text)

    def add_tensors(self, name: str, tensors: Mapping[str, Source]) -> None:
        """Write a member of safetensors; complex numbers become pairs of real ones at the end."""
        header: dict[str, Any] = {}
        end = 0
        for key, source in tensors.items():
            dtype, shape = source.dtype, source.shape
            if dtype.kind == "c":
                dtype, shape = np.dtype(_ENCODED[dtype.name]), (*shape, 2)
            size = math.prod(shape) * dtype.itemsize
            offsets = [end, end + size]
            header[key] = {"dtype": _NAMES[dtype.name], "shape": shape, "data_offsets": offsets}
            end += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text = text.ljust(math.ceil(len(text) / 8) * 8)
        with self._file.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True) as member:
            member.write(struct.pack("<Q", len(text)) + text)
            for source in tensors.values():
                array = np.ascontiguousarray(source.read())
                if array.dtype != source.dtype or array.size != math.prod(source.shape):
                    raise ValueError(f"a tensor of {name} has changed while it was written")
                data = array.reshape(-1).view(np.uint8).data
                for start in range(0, len(data), _CHUNK):
                    member.write(data[start : start + _CHUNK])


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """Yield a writer of an archive that appears at `path` when the block succeeds.

    Raises:
        CannotWrite: the path cannot be written.
    """
    with replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w") as file:
            yield ArchiveWriter(file)
            file.comment = bytes(_SEAL)
        with temporary.open("r+b") as sealed:
            seal = sha256_of(sealed, temporary.stat().st_size - _SEAL).encode()
            sealed.seek(-_SEAL, os.SEEK_END)
            sealed.write(seal)


class _Member(NamedTuple):
    """Where the data of a member of safetensors begins in the file, and its header."""

    start: int
    header: Mapping[str, Any]


class ArchiveReader:
    """An archive that was read through once, so that nothing in it is cut or changed.

    Args:
        path: of the file, which is kept open.

    Raises:
        CannotCompare: it is no such archive, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            require_file(path)
            self._file = path.open("rb", buffering=0)
        except (CannotRead, OSError) as error:
            raise CannotCompare(f"{error}; give a file that parity record wrote") from None
        weakref.finalize(self, self._file.close)
        self._require_seal()
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = {info.filename: info for info in self._zip.infolist()}
            self._require_plain()
        except (zipfile.BadZipFile, EOFError, OSError, struct.error, NotImplementedError) as error:
            raise self._damaged(str(error)) from None
        self._tensors: dict[str, _Member] = {}

    def _require_seal(self) -> None:
        """Require that the file is the one that was written, to the last bit."""
        begin(f"reading {self.path.name}")
        self._file.seek(0, os.SEEK_END)
        size = self._file.tell() - _SEAL
        self._file.seek(max(size, 0))
        seal = self._file.read(_SEAL)
        if size < 0 or sha256_of(self._file, size).encode() != seal:
            raise self._damaged("it is none, or was cut or changed")
        self.digest = seal.decode()

    def _require_plain(self) -> None:
        for info in self._zip.infolist():
            is_text = info.filename.endswith(".json")
            if info.file_size > LARGEST_TEXT if is_text else info.compress_type:
                raise zipfile.BadZipFile(f"{info.filename} is not stored as parity record does")

    def _damaged(self, reason: str) -> CannotCompare:
        return CannotCompare(
            f"{show(self.path)} is no complete record ({reason}): make it again with parity record"
        )

    def json(self, name: str) -> Any:
        """Return the values of a member of JSON.

        Raises:
            CannotCompare: there is none.
        """
        try:
            return parse_json(self._zip.read(self._members[name]))
        except KeyError:
            raise self._damaged(f"it has no {name}") from None
        except (ValueError, RecursionError):
            raise self._damaged(f"{name} is no JSON") from None

    def tensor(self, name: str, key: str, dtype: str = "") -> Array:
        """Return a tensor.

        Args:
            name: of the member.
            key: of the tensor in it.
            dtype: of complex numbers.

        Raises:
            CannotCompare: there is none.
        """
        member = self._member(name)
        try:
            entry = member.header[key]
            begin_at, end = entry["data_offsets"]
            shape = tuple(entry["shape"])
            array = np.empty(shape, _DTYPES[entry["dtype"]])
        except (KeyError, TypeError, ValueError):
            raise self._damaged(f"{name} has no tensor {key}") from None
        if array.nbytes != end - begin_at:
            raise self._damaged(f"tensor {key} of {name} has another size")
        data = array.reshape(-1).view(np.uint8).data
        read = 0
        while read < len(data):
            chunk = os.preadv(self._file.fileno(), [data[read:]], member.start + begin_at + read)
            if not chunk:
                raise self._damaged(f"tensor {key} of {name} is cut")
            read += chunk
        if dtype in _ENCODED:
            array = array.reshape(-1).view(dtype).reshape(shape[:-1])
        array.flags.writeable = False
        return array

    def keys(self, name: str) -> list[str]:
        """Return the names of the tensors of a member."""
        return [key for key in self._member(name).header if key != "__metadata__"]

    def _member(self, name: str) -> _Member:
        if name not in self._tensors:
            info = self._members.get(name)
            if info is None:
                raise self._damaged(f"it has no {name}")
            local = os.pread(self._file.fileno(), 30, info.header_offset)
            lengths = struct.unpack("<HH", local[26:30])
            start = info.header_offset + 30 + sum(lengths)
            (size,) = struct.unpack("<Q", os.pread(self._file.fileno(), 8, start))
            if size > min(info.file_size, LARGEST_TEXT):
                raise self._damaged(f"the header of {name} is too long")
            try:
                header = parse_json(os.pread(self._file.fileno(), size, start + 8))
            except (ValueError, RecursionError):
                raise self._damaged(f"{name} is no safetensors") from None
            if not isinstance(header, dict):
                raise self._damaged(f"{name} is no safetensors")
            self._tensors[name] = _Member(start + 8 + size, header)
        return self._tensors[name]
