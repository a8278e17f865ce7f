"""Checkpoints that are cut, changed, or hold other values than a training leaves."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
    copied,
    cut,
    flipped,
    generator,
    holding,
    together,
)
from tests.reliability.paths import mention, unusable

KIND = "checkpoints"
_NAME = "bad.safetensors"
_SAMPLE = ("--num-samples", "1", "--steps", "1")
Header = dict[str, Any]


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    good = (folder / "good.safetensors").read_bytes()
    end = 8 + int.from_bytes(good[:8], "little")
    random = generator(KIND)
    data = copied(folder / "good.npz", "data/good_processed.npz")
    judge = _judge(good)
    numbered = 0

    def case(name: str, write: Write, rule: Rule, path: str = _NAME) -> Case:
        nonlocal numbered
        numbered += 1
        return _case(name, together(data, write), rule, path, resume=numbered % 4 == 0)

    offsets = {*range(0, 12), end - 1, end, end + 1, *random.integers(12, end, 24).tolist()}
    for offset in sorted({*offsets, *random.integers(end, len(good), 24).tolist()}):
        yield case(f"cut at {offset}", holding(_NAME, cut(good, offset)), judge)
    offsets = {*range(0, 8), *random.integers(8, end, 70).tolist()}
    for offset in sorted({*offsets, *random.integers(end, len(good), 30).tolist()}):
        bit = int(random.integers(8))
        yield case(f"bit {bit} of byte {offset}", holding(_NAME, flipped(good, offset, bit)), judge)
    for name, header in _headers(good):
        yield case(name, holding(_NAME, _assembled(header, good[end:])), always(REFUSED))
    for name, header, answer in _metadata(good):
        yield case(name, holding(_NAME, _assembled(header, good[end:])), always(answer))
    for name, content in _others(good):
        yield case(name, holding(_NAME, content), always(REFUSED))
    for label, (path, write) in unusable(_NAME).items():
        yield case(label, write, always(REFUSED), path)
        yield case(f"{label} again", write, always(REFUSED), path)


def _case(name: str, write: Write, rule: Rule, path: str, *, resume: bool) -> Case:
    words = ("ddpm", "sample", "--ckpt", path, *_SAMPLE)
    if resume:
        words = (*bases.TRAIN, "--epochs", "2", "--resume", path)
    last = mention(path)
    mentions = (last, "--ckpt", "--resume") if last else ()
    return Case(kind=KIND, name=name, words=words, write=write, rule=rule, mentions=mentions)


def split(content: bytes) -> tuple[Header, bytes]:
    """Return the header of a safetensors file, and its values.

    Raises:
        ValueError: the content is no safetensors file.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8 or content[8:9] != b"{":
        raise ValueError("length")
    pairs = json.loads(content[8 : 8 + length].decode(), object_pairs_hook=_without_duplicates)
    values, position = content[8 + length :], 0
    for name, entry in sorted(
        ((n, e) for n, e in pairs.items() if n != "__metadata__"),
        key=lambda item: item[1]["data_offsets"],
    ):
        start, stop = entry["data_offsets"]
        if start != position or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(name)
        size = {"F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8}[entry["dtype"]]
        if size * int(np.prod(entry["shape"], dtype=object)) != stop - start:
            raise ValueError(name)
        position = stop
    if position != len(values):
        raise ValueError("values")
    return pairs, values


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def _judge(good: bytes) -> Callable[[Path], str]:
    """Return a rule that knows the header: values may change while they stay finite."""
    known, _ = split(good)

    def judge(folder: Path) -> str:
        try:
            header, values = split((folder / _NAME).read_bytes())
        except (ValueError, KeyError, TypeError, AttributeError):
            return REFUSED
        if header == known:
            return SOUND if np.isfinite(np.frombuffer(values, "<f4")).all() else REFUSED
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        same = tensors == {n: entry for n, entry in known.items() if n != "__metadata__"}
        # A changed digit of an option is another option, as good as the first or not.
        return EITHER if same else REFUSED

    return judge


def _assembled(header: Header | str | bytes, values: bytes) -> bytes:
    text = header if isinstance(header, (str, bytes)) else json.dumps(header)
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content + values


def _headers(good: bytes) -> Iterator[tuple[str, Header | str]]:
    """Yield headers whose tensors are not those of the configuration, or that are no header."""
    known, _ = split(good)
    names = [name for name in known if name.startswith("weights/")]
    random = generator(KIND, "headers")
    for name in random.choice(names, 8, replace=False).tolist():
        for field, values in {
            "dtype": ("F64", "F16", "I32", "U8", "XYZ", 5, None),
            "shape": ([], [1], [-1], [2**40, 2**40], ["1"], None, "1", [1.5]),
            "data_offsets": ([0, 0], [4, 0], [-4, 0], [0, 2**63], [0], None, ["a", "b"]),
        }.items():
            value = values[int(random.integers(len(values)))]
            header = {**known, name: {**known[name], field: value}}
            yield f"{name}: {field} = {value}", header
        without = {n: entry for n, entry in known.items() if n != name}
        yield f"{name} left out", without
    renamed = {n.replace("weights/", "WEIGHTS/"): entry for n, entry in known.items()}
    yield "an unknown group", renamed
    yield "names without a group", {n.replace("/", "."): entry for n, entry in known.items()}
    for text in ("", "{}", "[]", "null", "nonsense", "{" * 3000, "[" * 100_000, '{"a":' * 3000):
        yield f"the header {text[:12]!r} of {len(text)}", text


def _metadata(good: bytes) -> Iterator[tuple[str, Header, str]]:
    known, _ = split(good)
    metadata = known["__metadata__"]

    def changed(name: str, value: Any) -> Header:
        return {**known, "__metadata__": {**metadata, name: value}}

    wrong = ("", "x", "null", "[]", "{}", "1.5", "true", "NaN", "Infinity", "-1", '"text"', "1e400")
    for name in metadata:
        without = {n: value for n, value in metadata.items() if n != name}
        # The seed stands in the configuration too, and older files do not name their images.
        answer = EITHER if name in ("seed", "images") else REFUSED
        yield f"metadata without {name}", {**known, "__metadata__": without}, answer
        for value in (*wrong, "[" * 20_000, "{" * 20_000, "9" * 5000):
            fits = (name, value) in (("dataset", '"text"'), ("images", "null"))
            right = EITHER if fits or name == "seed" else REFUSED
            yield f"metadata {name} = {value[:10]} of {len(value)}", changed(name, value), right
        for other in (None, 5, [], {}):
            yield f"metadata {name} is {other!r}", changed(name, other), REFUSED
    for value in (
        '"../x"',
        '"/tmp/x"',
        '"a/b"',
        '"a\\u0000b"',
        '"a\\nb"',
        '""',
        '"' + 300 * "x" + '"',
    ):
        yield f"dataset {value[:12]}", changed("dataset", value), EITHER
    for value in ('"caffe"', '"TORCH"', '""', '"os"'):
        yield f"framework {value}", changed("framework", value), REFUSED
    for name in ("epoch", "step"):
        for value in ("-1", str(10**30), "true"):
            yield f"{name} {value[:10]}", changed(name, value), REFUSED
    for text in ("ddpm-checkpoint/2", "ddpm-checkpoint", "safetensors"):
        yield f"format {text}", changed("format", text), REFUSED
    yield "no metadata", {n: e for n, e in known.items() if n != "__metadata__"}, REFUSED


def _others(good: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "text", b"hello, world\n"
    yield "a zip", b"PK\x03\x04" + bytes(40)
    for protocol in range(2, 6):
        yield f"a pickle of protocol {protocol}", bytes([128, protocol]) + b"}q\x00."
    yield "a pickle of protocol 0", b"(dp0\n."
    yield "a PNG", b"\x89PNG\r\n\x1a\n" + bytes(40)
    for size in (2**63, 2**64 - 1, 100_000_001, 2**40, 0):
        yield f"a header of {size} bytes", struct.pack("<Q", size) + good[8:]
    yield "twice", good + good
    yield "bytes behind", good + b"\n"
    yield "bytes in front", b"\n" + good
    yield "zeros", bytes(len(good))
