"""Prepared sets that are damaged, of another form, or made to fill the memory."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from tests.reliability import bases
from tests.reliability.case import (
    EITHER,
    REFUSED,
    SOUND,
    WARNED,
    Case,
    Write,
    always,
    copied,
    cut,
    flipped,
    generator,
    holding,
    together,
)
from tests.reliability.paths import mention, unusable

KIND = "archives"
_NAME = "set.npz"
# 1 MiB of zeros as complete deflate blocks that end at a byte, so that they can be repeated.
_PRESS = zlib.compressobj(9, zlib.DEFLATED, -15)
_MIB = _PRESS.compress(bytes(1 << 20)) + _PRESS.flush(zlib.Z_FULL_FLUSH)
_END = b"\x03\x00"


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    good = (folder / "good.npz").read_bytes()
    commands = _commands(folder)
    numbered = 0

    def case(name: str, write: Write, rule: Callable[[Path], str], path: str = _NAME) -> Case:
        nonlocal numbered
        numbered += 1
        words, beside = commands[numbered % len(commands)]
        given = tuple(path if word == "SET" else word for word in words)
        last = mention(path)
        return Case(
            kind=KIND,
            name=name,
            words=given,
            write=together(beside, write),
            rule=rule,
            mentions=(last, "--data", "--real", "--folder"),
        )

    random = generator(KIND)
    for offset in sorted({0, 1, *random.integers(2, len(good), 58).tolist()}):
        yield case(f"cut at {offset}", holding(_NAME, cut(good, offset)), judged)
    directory = good.rindex(b"PK\x01\x02", 0, good.index(b"PK\x05\x06")) - 200
    starts = random.integers(0, 200, 30).tolist(), random.integers(0, len(good), 60).tolist()
    ends = random.integers(directory, len(good), 60).tolist()
    for offset in sorted({*starts[0], *starts[1], *ends}):
        bit = int(random.integers(8))
        write = holding(_NAME, flipped(good, offset, bit))
        yield case(f"bit {bit} of byte {offset}", write, judged)
    for name, changed, answer in _contents():
        yield case(name, partial(_save, changed), always(answer))
    for name, write, answer in _crafted(good):
        yield case(name, write, always(answer))
    for label, (path, write) in unusable(_NAME).items():
        for program in range(len(commands)):
            numbered = program
            yield case(f"{label} ({program})", write, always(REFUSED), path)


def _commands(folder: Path) -> list[tuple[tuple[str, ...], Write]]:
    """Return command lines that read the set SET, and what they need beside it."""
    samples = copied(folder / "samples", "samples")
    nothing = together()
    digits = ("--extractor", "digits")
    train = tuple("set" if word == "good" else word for word in bases.TRAIN)
    return [
        ((*train, "--data", "SET"), nothing),
        (("ddpm", "is", "--folder", "SET", "--splits", "2", *digits), nothing),
        (("ddpm", "fid", "--real", "SET", "--fake", "samples", *digits), samples),
        (("ddpm", "reproduce", "--data", "SET", "--dry-run", "--batch-size", "8"), nothing),
    ]


def _save(changed: dict[str, object], folder: Path) -> None:
    bases.save_set(folder / _NAME, **changed)


def judged(folder: Path) -> str:
    """Judge an archive by what Python's own reader and a parser of 20 lines find in it."""
    try:
        with zipfile.ZipFile(folder / _NAME) as archive:
            names = archive.namelist()
            arrays = {
                name: _array(_member(archive, f"{name}.npy"))
                for name in ("images", "labels", "classes")
                if name != "classes" or "classes.npy" in names
            }
    except Exception:  # whatever the library raises, the file is damaged
        return REFUSED
    images, labels = arrays["images"], arrays["labels"]
    fits = images.dtype == np.float32 and images.shape == (bases.COUNT, 1, bases.SIDE, bases.SIDE)
    fits = fits and bool(np.isfinite(images).all()) and abs(images).max() <= 1
    fits = fits and labels.dtype == np.int64 and labels.shape == (bases.COUNT,)
    fits = fits and labels.min() >= 0 and labels.max() < len(arrays.get("classes", labels))
    return SOUND if fits else REFUSED


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    content = archive.read(name)
    if len(content) != archive.getinfo(name).file_size:
        raise ValueError("the directory lies")
    return content


def _array(content: bytes) -> np.ndarray:
    """Parse a .npy of version 1 to 3, without NumPy's reader."""
    import ast

    if content[:6] != b"\x93NUMPY" or content[6] not in (1, 2, 3):
        raise ValueError("magic")
    long = content[6] > 1
    length = int.from_bytes(content[8 : 12 if long else 10], "little")
    start = (12 if long else 10) + length
    header = ast.literal_eval(content[12 if long else 10 : start].decode("latin1"))
    if set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError("keys")
    array = np.frombuffer(content[start:], np.dtype(header["descr"]))
    return array.reshape(header["shape"], order="F" if header["fortran_order"] else "C")


def _contents() -> Iterator[tuple[str, dict[str, object], str]]:
    images = (bases.pixels() / 127.5 - 1).astype(np.float32)
    labels = (np.arange(bases.COUNT) % 2).astype(np.int64)
    for code in ("f8", "f2", ">f4", "i1", "u1", "i4", "i8", "u8", "?", "c8", "O", "U5", "S5", "V4"):
        yield f"images of {code}", {"images": _as(images, code)}, REFUSED
        if code != "i8":
            yield f"labels of {code}", {"labels": _as(labels, code)}, REFUSED
    shapes = (
        *((), (0,), (12544,), (16, 784), (16, 28, 28), (16, 28, 28, 1), (4, 4, 28, 28)),
        *((8, 2, 28, 28), (0, 1, 28, 28), (16, 1, 0, 28), (1, 16, 1, 28, 28), (16, 0, 28, 28)),
    )
    for shape in shapes:
        array = np.resize(images, shape) if shape else np.float32(0)
        yield f"images of shape {shape}", {"images": np.asarray(array, np.float32)}, REFUSED
    for value in (np.nan, np.inf, -np.inf, 1.001, -1.001, 2.0, 255.0, 1e30, -1e30):
        for index in (0, 5000, images.size - 1):
            changed = images.copy()
            changed.flat[index] = value
            yield f"pixel {index} is {value}", {"images": changed}, REFUSED
    yield "pixels 0 … 255", {"images": bases.pixels().astype(np.float32)}, REFUSED
    yield "pixels 0 … 1", {"images": (bases.pixels() / 255).astype(np.float32)}, WARNED
    for shape in ((), (15,), (17,), (16, 1), (0,)):
        yield f"labels of shape {shape}", {"labels": np.zeros(shape, np.int64)}, REFUSED
    for value in (-1, 2, 10**6, -(2**63), 2**63 - 1):
        changed = labels.copy()
        changed[3] = value
        yield f"label {value}", {"labels": changed}, REFUSED
        if value < 0:
            without = {"labels": changed, "classes": None}
            yield f"label {value}, no classes", without, REFUSED
    yield "no images", {"images": None}, REFUSED
    yield "no labels", {"labels": None}, REFUSED
    yield "no classes", {"classes": None}, SOUND
    yield "one class", {"classes": np.array(["a"])}, REFUSED
    yield "classes are objects", {"classes": np.array(["a", None], object)}, REFUSED
    yield "classes are 2-D", {"classes": np.array([["a", "b"]])}, REFUSED
    yield "classes are floats", {"classes": np.array([0.5, np.nan])}, EITHER
    yield "a member of objects that nobody asks for", {"more": np.array([{}], object)}, SOUND
    yield "Fortran order", {"images": np.asfortranarray(images)}, SOUND


def _as(array: np.ndarray, code: str) -> np.ndarray:
    return np.zeros(array.shape, "V4") if code == "V4" else array.astype(code)


def _crafted(good: bytes) -> Iterator[tuple[str, Write, str]]:
    members = {name: _npy(name) for name in ("images", "labels", "classes")}

    def archive(**changed: tuple[bytes, int, int]) -> Write:
        return lambda folder: (folder / _NAME).write_bytes(_zip({**members, **changed})) and None

    for name, dtype, shape in (
        ("images", "<f4", (2_000_000, 1, 28, 28)),
        ("labels", "<i8", (800_000_000,)),
        ("classes", "<U1000", (1_600_000,)),
    ):
        header = _header(dtype, shape)
        bomb = _bomb(header, 6 << 30)
        yield f"{name} of 6 GiB", archive(**{name: bomb}), REFUSED
        yield f"{name} of 6 GiB in the header only", archive(**{name: _stored(header)}), REFUSED
        yield (
            f"{name} with a shape beyond 64 bits",
            archive(**{name: _stored(_header(dtype, (2**40, 2**40, *shape[1:])))}),
            REFUSED,
        )
        yield (
            f"{name} with a negative shape",
            archive(**{name: _stored(_header(dtype, (-1, *shape[1:])))}),
            REFUSED,
        )
    yield "6 GiB that nobody asks for", archive(more=_bomb(b"", 6 << 30)), SOUND
    for label, header in (
        ("deep", "(" * 4000),
        ("code", "{'descr': __import__('os').getcwd(), 'fortran_order': False, 'shape': ()}"),
        ("no keys", "{}"),
        ("a list", "[]"),
        ("keys more", "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}"),
        ("a dtype of no kind", "{'descr': 'nonsense', 'fortran_order': False, 'shape': (1,)}"),
        ("a shape of texts", "{'descr': '<f4', 'fortran_order': False, 'shape': ('1',)}"),
        ("a shape of floats", "{'descr': '<f4', 'fortran_order': False, 'shape': (1e3,)}"),
        ("an order of text", "{'descr': '<f4', 'fortran_order': 'no', 'shape': (1,)}"),
        ("a null byte", "{'descr': '<f4'\0}"),
        ("a long one", "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 20000 + ")}"),
    ):
        content = _framed(header.encode()) + bytes(64)
        yield f"a header with {label}", archive(images=_stored(content)), REFUSED
        yield f"labels, a header with {label}", archive(labels=_stored(content)), REFUSED
    for version in (0, 4, 9, 255):
        content = bytearray(members["images"][0])
        content[6] = version
        yield f"version {version}", archive(images=_stored(bytes(content))), REFUSED
    for method in (1, 6, 9, 14, 93, 99):
        content, _, size = members["images"]
        yield f"compression {method}", archive(images=(content, method, size)), REFUSED
    array = np.save
    for label, made in (("text", b"hello"), ("empty", b""), ("a PNG", b"\x89PNG\r\n\x1a\n")):
        yield label, holding(_NAME, made), REFUSED
    buffer = io.BytesIO()
    array(buffer, np.zeros((4, 1, 28, 28), np.float32))
    yield "a single array", holding(_NAME, buffer.getvalue()), REFUSED
    yield "an archive of no members", holding(_NAME, b"PK\x05\x06" + bytes(18)), REFUSED
    yield "bytes in front", holding(_NAME, b"#!/bin/sh\n" + good), EITHER
    yield "bytes behind", holding(_NAME, good + b"\n" * 100), EITHER
    yield "a pickle", holding(_NAME, b"\x80\x04]q\x00."), REFUSED


def _npy(name: str) -> tuple[bytes, int, int]:
    arrays = {
        "images": (bases.pixels() / 127.5 - 1).astype(np.float32),
        "labels": (np.arange(bases.COUNT) % 2).astype(np.int64),
        "classes": np.array(["a", "b"]),
    }
    buffer = io.BytesIO()
    np.save(buffer, arrays[name])
    return _stored(buffer.getvalue())


def _stored(content: bytes) -> tuple[bytes, int, int]:
    return content, 0, len(content)


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    return _framed(text.encode())


def _framed(text: bytes) -> bytes:
    if len(text) > 60_000:
        return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text)) + text
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def _bomb(header: bytes, size: int) -> tuple[bytes, int, int]:
    """Return a member that opens to a header and zeros; its own size is a thousandth."""
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = press.compress(header) + press.flush(zlib.Z_FULL_FLUSH)
    count = size >> 20
    return start + _MIB * count + _END, 8, len(header) + (count << 20)


def _zip(members: dict[str, tuple[bytes, int, int]]) -> bytes:
    """Return an archive of members, each its bytes, its method and the size that it claims."""
    body, directory = bytearray(), bytearray()
    for name, (content, method, size) in members.items():
        path, crc = f"{name}.npy".encode(), zlib.crc32(content) if method == 0 else 0
        # Sizes beyond 32 bits stand in an extra field.
        extra = struct.pack("<HHQQ", 1, 16, size, len(content))
        fields = struct.pack("<HHHHHI", 45, 0, method, 0, 0x21, crc)
        sizes = struct.pack("<IIHH", 0xFFFFFFFF, 0xFFFFFFFF, len(path), len(extra))
        directory += b"PK\x01\x02" + struct.pack("<H", 45) + fields + sizes
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + path + extra
        body += b"PK\x03\x04" + fields + sizes + path + extra + content
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return bytes(body + directory) + b"PK\x05\x06" + end
