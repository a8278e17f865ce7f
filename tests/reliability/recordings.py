"""Records of one side that are cut, changed, of another kind, or sealed with a wrong manifest."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.reliability import bases
from tests.reliability.case import (
    EITHER,
    REFUSED,
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
from tests.reliability.options import NO_CHOICE, NO_INTEGER, NO_NAME
from tests.reliability.paths import unusable

KIND = "recordings"
_NAME, _SEAL, _OFFSETS = "bad.parity", 64, 60
_PAIRS = holding("good.py", bases.PAIRS)
_WRONG: tuple[Any, ...] = (None, 3, "x", [], [[]], {})


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case; `folder` holds the bases."""
    good = (folder / "good.parity").read_bytes()
    random = generator(KIND)
    for offset in sorted({0, 1, 4, *random.integers(0, len(good), _OFFSETS).tolist()}):
        yield _judged(f"cut at {offset}", holding(_NAME, cut(good, offset)))
    for offset in random.integers(0, len(good), _OFFSETS).tolist():
        changed = flipped(good, offset, int(random.integers(8)))
        yield _judged(f"a bit at {offset}", holding(_NAME, changed))
    yield _judged("something behind it", holding(_NAME, good + b"more"))
    yield _judged("something before it", holding(_NAME, b"more" + good))
    for label, (path, write) in unusable(_NAME).items():
        yield _judged(label, write, path)
    yield from _manifests(good)
    yield from _recording()


def _judged(name: str, write: Write, path: str = _NAME, rule: Rule | None = None) -> Case:
    words = ("parity", "check", "good.py:pair", "--against", path)
    # With equal sides the status is 0, and 1 where a changed manifest makes them differ.
    return Case(
        kind=KIND, name=name, words=words, write=together(_PAIRS, write),
        rule=rule or always(REFUSED),
        statuses=(0, 1),
    )  # fmt: skip


def _manifests(good: bytes) -> Iterator[Case]:
    """Yield records whose manifest has a value of a wrong type, and the digest that belongs to it.

    No rule of this file says which of them can be judged after all: an empty list of notes may be.
    """
    fields: dict[str, Any] = json.loads(zipfile.ZipFile(io.BytesIO(good)).read("manifest.json"))
    for field in fields:
        left_out = {name: value for name, value in fields.items() if name != field}
        content = _with_manifest(good, left_out)
        yield _judged(f"manifest without {field}", holding(_NAME, content), rule=always(EITHER))
        for value in _WRONG:
            content = _with_manifest(good, {**fields, field: value})
            name = f"manifest: {field} = {value!r}"
            yield _judged(name, holding(_NAME, content), rule=always(EITHER))
    for value in _WRONG:
        name = f"manifest: {value!r}"
        yield _judged(name, holding(_NAME, _with_manifest(good, value)))


def _with_manifest(good: bytes, manifest: Any) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(changed, "w") as new:
        for info in old.infolist():
            content = old.read(info)
            is_manifest = info.filename == "manifest.json"
            new.writestr(info.filename, json.dumps(manifest).encode() if is_manifest else content)
        new.comment = bytes(_SEAL)
    content = changed.getvalue()[:-_SEAL]
    return content + hashlib.sha256(content).hexdigest().encode()


def _recording() -> Iterator[Case]:
    """Yield options of `parity record` that it cannot have."""
    values = {
        "--seed": tuple(text for text in NO_INTEGER if text != "--"),
        "--side": NO_CHOICE,
        "--stress": NO_CHOICE,
        "--places": tuple(name for name in NO_NAME if name != "*"),
        "--without": tuple(name for name in NO_NAME if name != "*"),
        "--out": ("good.py/x", "/dev/null/x", "/proc/x", "n" * 300),
    }
    base = ("parity", "record", "good.py:pair", "--out=x.parity")
    for option, wrong in values.items():
        for value in wrong:
            yield Case(
                kind=KIND,
                name=f"record {option} {value[:20]!r}",
                words=(*base, f"{option}={value}"),
                write=_PAIRS,
                rule=always(REFUSED if value else EITHER),
            )
