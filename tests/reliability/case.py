"""A bad input: the files that it needs, the command that meets them, and what is right to do."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# What an independent rule says of an input. REFUSED: one line and status 2. SOUND: it is a good
# input after all, as a flipped bit in a pixel is. EITHER: it is well formed and no rule of the test
# decides it, so that both are right, but nothing else is.
# WARNED: sound, but one line says what may be wrong with it.
REFUSED, SOUND, WARNED, EITHER = "refused", "sound", "warned", "either"

Write = Callable[[Path], None]
Rule = Callable[[Path], str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One input.

    Attributes:
        kind: the generator's name.
        name: unique within the kind.
        words: the command line; its first word is `ddpm`, `parity`, `audit` or `bench`.
        write: makes the files in an empty folder, where the command then runs.
        rule: tells from the files, without the code under test, what is right.
        mentions: the line must hold one of these, so that it says where the fault is.
        statuses: the exit statuses of a sound input.
    """

    kind: str
    name: str
    words: tuple[str, ...]
    write: Write = field(default=lambda folder: None)
    rule: Rule = field(default=lambda folder: REFUSED)
    mentions: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def generator(*key: object) -> np.random.Generator:
    """Return the random numbers of a key: the same in every run, process and order."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def always(answer: str) -> Rule:
    """Return the rule that says the same of every input."""
    return lambda folder: answer


def copied(source: Path, name: str) -> Write:
    """Return what copies a file or folder to a name."""

    def write(folder: Path) -> None:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copyfile(source, target)

    return write


def holding(name: str, content: bytes | str | Callable[[], bytes]) -> Write:
    """Return what writes a file of this content, which may be made only then."""

    def write(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = content() if callable(content) else content
        path.write_bytes(made.encode() if isinstance(made, str) else made)

    return write


def together(*writes: Write) -> Write:
    """Return what does one after the other."""

    def write(folder: Path) -> None:
        for each in writes:
            each(folder)

    return write


def cut(content: bytes, offset: int) -> bytes:
    """Return the content up to an offset."""
    return content[:offset]


def flipped(content: bytes, offset: int, bit: int) -> bytes:
    """Return the content with one bit changed."""
    return content[:offset] + bytes([content[offset] ^ (1 << bit)]) + content[offset + 1 :]
