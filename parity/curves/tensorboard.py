"""Reads the scalars of TensorBoard event files, without TensorBoard.

A file is a chain of TFRecords: the length of the data (8 bytes), a masked CRC-32C of that, the data
and its masked CRC-32C. The data are a protocol buffer `Event`, of which the step and the scalar
values of the summary are read and everything else is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parity.errors import CannotCompare
from safe_files.reading import CannotRead, read_bytes, show

EVENT_FILES = "events.out.tfevents.*"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Numbers of fields: of Event, of Summary, of its Value, of a TensorProto.
_STEP, _SUMMARY = 2, 5
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_DTYPE, _CONTENT, _FLOATS, _DOUBLES = 1, 4, 5, 6
_FLOAT, _DOUBLE = 1, 2  # values of the dtype

Field = tuple[int, int, "int | bytes"]


@dataclass(frozen=True)
class Scalar:
    """A scalar of an event file.

    Attributes:
        tag: its name.
        step: its number.
        value: float64, or float32 exactly.
        resolution: half an ulp of its precision.
        where: its place, `byte 88`.
    """

    tag: str
    step: int
    value: float
    resolution: float
    where: str


def event_files(path: Path) -> list[Path]:
    """Return the event files of a folder, or the file itself if its name is one's; else none."""
    if path.is_dir():
        return sorted(file for file in path.glob(EVENT_FILES) if file.is_file())
    return [path] if ".tfevents." in path.name else []


def read_scalars(path: Path) -> tuple[list[Scalar], bool]:
    """Read the scalars of an event file.

    Returns:
        The scalars in the order of the file, and whether a last record was cut short by a killed
        run; it is left out.

    Raises:
        CannotCompare: the file cannot be read, or is damaged.
    """
    try:
        content = read_bytes(path)
    except CannotRead as error:
        raise CannotCompare(str(error)) from None
    scalars: list[Scalar] = []
    end = 0
    for start, data, checksum in _records(content, show(path)):
        end = start + len(data) + 16
        try:
            found = list(_scalars(data, f"byte {start}"))
        except ValueError:
            raise CannotCompare(f"{show(path)} is damaged at byte {start}: no event") from None
        # Images and graphs are large, and nothing of them is used.
        if found and masked_crc(data) != checksum:
            raise CannotCompare(f"{show(path)} is damaged at byte {start}: wrong checksum")
        scalars += found
    return scalars, end < len(content)


def masked_crc(data: bytes) -> int:
    """Return the CRC-32C of bytes, rotated and shifted as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def _records(content: bytes, shown: str) -> Iterator[tuple[int, bytes, int]]:
    """Yield each complete record: its place, its data and their checksum."""
    start = 0
    while start + 12 <= len(content):
        length, checksum = struct.unpack_from("<QI", content, start)
        if masked_crc(content[start : start + 8]) != checksum:
            reason = "is no event file" if start == 0 else f"is damaged at byte {start}"
            raise CannotCompare(f"{shown} {reason}: the checksum of a length is wrong")
        if start + length + 16 > len(content):
            return
        data = content[start + 12 : start + 12 + length]
        yield start, data, struct.unpack_from("<I", content, start + 12 + length)[0]
        start += length + 16


def _fields(data: bytes) -> Iterator[Field]:
    """Yield number, wire type and value of each field of a message.

    Raises:
        ValueError: the bytes are no message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(kind)
        if at + size > len(data):
            raise ValueError(size)
        yield number, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError(at)
        byte = data[at]
        value, at = value | (byte & 0x7F) << shift, at + 1
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise ValueError(at)


def _scalars(event: bytes, where: str) -> Iterator[Scalar]:
    step, summaries = 0, []
    for number, _, value in _fields(event):
        if number == _STEP and isinstance(value, int):
            step = value - 2**64 if value >= 2**63 else value
        elif number == _SUMMARY and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, _, value in _fields(summary):
            if number == _VALUE and isinstance(value, bytes):
                yield from _scalar(value, step, where)


def _scalar(message: bytes, step: int, where: str) -> Iterator[Scalar]:
    """Yield the scalar of a summary's value, if it is one."""
    tag, found = "", None
    for number, kind, value in _fields(message):
        if isinstance(value, int):
            continue
        if number == _TAG:
            tag = value.decode("utf-8", "replace")
        elif number == _SIMPLE_VALUE and kind == _FIXED32:
            found = np.frombuffer(value, "<f4")
        elif number == _TENSOR:
            found = _tensor(value)
    if found is not None and found.size == 1:
        number_found = found[0]
        with np.errstate(invalid="ignore"):
            half = float(np.spacing(abs(number_found))) / 2
        yield Scalar(tag, step, float(number_found), half, where)


def _tensor(message: bytes) -> np.ndarray | None:
    """Return the numbers of a tensor of float32 or float64, None for another dtype."""
    dtype, content = 0, {_CONTENT: b"", _FLOATS: b"", _DOUBLES: b""}
    for number, _, value in _fields(message):
        if number == _DTYPE and isinstance(value, int):
            dtype = value
        elif number in content and isinstance(value, bytes):
            content[number] += value
    if dtype not in (_FLOAT, _DOUBLE):
        return None
    data = content[_CONTENT] or content[_FLOATS if dtype == _FLOAT else _DOUBLES]
    return np.frombuffer(data, "<f4" if dtype == _FLOAT else "<f8")  # ValueError: another length
