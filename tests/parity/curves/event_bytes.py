"""Event files for tests, written byte by byte without the code that reads them."""

from __future__ import annotations

import struct


def crc(data: bytes) -> int:
    """Return the masked CRC-32C, computed by long division of polynomials."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            carry = (register ^ byte >> bit) & 1
            register = register >> 1 ^ (0x82F63B78 if carry else 0)
    register ^= 0xFFFFFFFF
    return ((register >> 15 | register << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", crc(length)) + data + struct.pack("<I", crc(data))


def sized(number: int, data: bytes) -> bytes:
    """Return a field of bytes, shorter than 128."""
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def varint(value: int) -> bytes:
    value, found = value % 2**64, b""
    while value >= 128:
        found, value = found + bytes([value % 128 | 128]), value // 128
    return found + bytes([value])


def event(step: int, *values: bytes) -> bytes:
    """Return a record of an event with values of its summary."""
    head = b"\x09" + struct.pack("<d", 1.7e9) + b"\x10" + varint(step)
    return record(head + sized(5, b"".join(sized(1, value) for value in values)))


def simple(tag: str, value: float) -> bytes:
    return sized(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def tensor(tag: str, dtype: int, field: int, data: bytes) -> bytes:
    return sized(1, tag.encode()) + sized(8, bytes([0x08, dtype]) + sized(field, data))


VERSION = record(b"\x09" + struct.pack("<d", 1.7e9) + sized(3, b"brain.Event:2"))
