"""Pictures that are damaged, of other forms, or that open to more than the memory holds."""

from __future__ import annotations

import io
import struct
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
    Case,
    Rule,
    Write,
    always,
    cut,
    flipped,
    generator,
    holding,
    together,
)
from tests.reliability.paths import empty_folder, fifo, link, mention, unusable

KIND = "pictures"
_DIGITS = ("--extractor", "digits")


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    random = generator(KIND)
    numbered = 0

    def case(suffix: str, name: str, content: bytes | Callable[[], bytes], rule: Rule) -> Case:
        nonlocal numbered
        numbered += 1
        return _case(numbered, name, holding(f"images/bad{suffix}", content), rule, "images")

    for suffix in (".png", ".jpg"):
        good = _encoded(suffix)
        for offset in sorted({0, 1, *random.integers(2, len(good), 30).tolist()}):
            yield case(suffix, f"{suffix} cut at {offset}", cut(good, offset), judged)
        for offset in sorted(set(random.integers(0, len(good), 60).tolist())):
            bit = int(random.integers(8))
            content = flipped(good, offset, bit)
            yield case(suffix, f"{suffix}, bit {bit} of byte {offset}", content, judged)
        for count in (1, 7, 64):
            at = int(random.integers(20, len(good) - 64))
            noise = random.bytes(count)
            content = good[:at] + noise + good[at + count :]
            yield case(suffix, f"{suffix}, {count} bytes from {at}", content, judged)
    for name, content in _crafted():
        yield case(".png", name, content, always(REFUSED))
    for name, suffix, content, answer in _others():
        yield case(suffix, name, content, always(answer))
    for label, (path, write) in unusable("images").items():
        for command in range(3):
            yield _case(command, f"{label} as a folder", write, always(REFUSED), path, alone=True)
    for label, write in _odd_members().items():
        for command in range(3):
            yield _case(command, label, write, always(REFUSED), "images")


def _case(
    number: int, name: str, write: Write, rule: Rule, path: str, *, alone: bool = False
) -> Case:
    """Return a case of `ddpm prepare`, `ddpm fid` or `ddpm is`; most have good pictures beside."""
    command = (
        ("ddpm", "prepare", "--dataset", path, "--out", "out.npz"),
        ("ddpm", "fid", "--real", "set.npz", "--fake", path, *_DIGITS),
        ("ddpm", "is", "--folder", path, "--splits", "2", *_DIGITS),
    )[number % 3]

    def beside(folder: Path) -> None:
        if number % 3 == 1:
            bases.save_set(folder / "set.npz")
        if not alone:
            bases.save_samples(folder / "images", 4)

    last = mention(path)
    return Case(
        kind=KIND,
        name=f"{name} ({command[1]})",
        words=command,
        write=together(beside, write),
        rule=rule,
        mentions=(last, "--dataset", "--fake", "--folder") if last else (),
    )


def judged(folder: Path) -> str:
    """Judge the picture by whether Pillow, asked strictly, reads it in the size of the others."""
    from PIL import Image

    path = next((folder / "images").glob("bad.*"))
    try:
        if path.suffix == ".png":
            _require_checksums(path.read_bytes())
        with Image.open(path) as image:
            if image.size != (bases.SIDE, bases.SIDE):
                return REFUSED
            image.load()
            mode = image.mode
    except Exception:  # whatever the library raises, the file is damaged
        return REFUSED
    # A changed bit of a JPEG may make it grey or coloured.
    return SOUND if mode == "L" else EITHER


def _require_checksums(content: bytes) -> None:
    """Walk the chunks of a PNG up to its end."""
    at = 8
    while True:
        length = int.from_bytes(content[at : at + 4], "big")
        kind, end = content[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(content):
            raise ValueError("the end is missing")
        if zlib.crc32(content[at + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise ValueError(kind)
        if kind == b"IEND":
            return
        at = end + 4


def _encoded(suffix: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    kind = "PNG" if suffix == ".png" else "JPEG"
    Image.fromarray(bases.pixels(1)[0, 0]).save(buffer, kind)
    return buffer.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(width: int, height: int, *, depth: int = 8, colour: int = 0, rows: int = 1) -> bytes:
    """Return a PNG of this header, with so many rows of zeros."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 1)
    row = 1 + (min(width, 1 << 20) * samples * depth + 7) // 8
    packed = zlib.compress(bytes(row) * rows, 1)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return start + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _crafted() -> Iterator[tuple[str, Callable[[], bytes]]]:
    for side in (9_000, 9_500, 13_000, 14_000, 20_000, 60_000, 1_000_000, 2**31 - 1):
        for depth, colour in ((8, 0), (16, 0), (8, 6), (1, 0)):
            made = partial(png, side, side, depth=depth, colour=colour)
            yield f"{side} x {side}, {depth} bits, type {colour}", made
    yield "12,000 x 12,000, complete", partial(png, 12_000, 12_000, rows=12_000)
    yield "8,000 x 8,000 of RGBA, complete", partial(png, 8_000, 8_000, colour=6, rows=8_000)
    for width, height in ((0, 28), (28, 0), (0, 0), (2**31, 1), (1, 2**31 - 1), (100_000_000, 1)):
        yield f"{width} x {height}", partial(png, width, height)
    for depth, colour in ((3, 0), (0, 0), (8, 7), (16, 3), (255, 255)):
        yield f"depth {depth}, type {colour}", partial(png, 28, 28, depth=depth, colour=colour)
    yield "no pixels", partial(png, 28, 28, rows=0)
    yield "a text of 200 MiB", _long_text


def _long_text() -> bytes:
    good = _encoded(".png")
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 << 20), 1))
    return good[:33] + text + good[33:]


def _others() -> Iterator[tuple[str, str, bytes, str]]:
    from PIL import Image

    image = Image.fromarray(bases.pixels(1)[0, 0])
    for kind, suffix in (("GIF", ".gif"), ("BMP", ".bmp"), ("TIFF", ".tif"), ("WEBP", ".webp")):
        buffer = io.BytesIO()
        image.save(buffer, kind)
        yield f"a {kind}", suffix, buffer.getvalue(), REFUSED
        yield f"a {kind} called PNG", ".png", buffer.getvalue(), REFUSED
    for size in ((28, 27), (1, 1), (29, 28)):
        buffer = io.BytesIO()
        image.resize(size).save(buffer, "PNG")
        yield f"of another size, {size}", ".png", buffer.getvalue(), REFUSED
    yield "empty", ".png", b"", REFUSED
    yield "empty", ".jpeg", b"", REFUSED
    yield "text", ".jpg", b"hello\n", REFUSED
    yield "an SVG", ".png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", REFUSED
    yield "a script", ".PNG", b"#!/bin/sh\ntouch pwned\n", REFUSED
    for mode in ("1", "LA", "P", "I;16"):
        buffer = io.BytesIO()
        made = Image.fromarray(np.zeros((28, 28), np.uint16)) if mode == "I;16" else None
        (made or image.convert(mode)).save(buffer, "PNG")
        # Palettes count as colour, which the grey pictures beside it are not.
        yield f"of mode {mode}", ".png", buffer.getvalue(), EITHER if mode == "P" else SOUND


def _odd_members() -> dict[str, Write]:
    return {
        "a FIFO among the pictures": fifo("images/bad.png"),
        "a link to a FIFO among them": together(fifo("pipe"), link("images/bad.png", "../pipe")),
        "a link to /dev/zero among them": link("images/bad.png", "/dev/zero"),
        "a broken link among them": link("images/bad.png", "nowhere"),
        "a link to itself among them": link("images/bad.png", "bad.png"),
        "a folder called PNG among them": empty_folder("images/bad.png"),
    }
