"""Paths that are no file, or no folder, or nothing that can be read to its end."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.reliability.case import Write

NOT_UTF8 = os.fsdecode(b"set-\xff\xfe.npz")


def fifo(name: str) -> Write:
    """Return what makes a FIFO, which nobody writes to: to open it is to wait for ever."""

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / name)

    return write


def link(name: str, target: str) -> Write:
    """Return what makes a symbolic link."""

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)

    return write


def empty_folder(name: str) -> Write:
    """Return what makes an empty folder."""
    return lambda folder: (folder / name).mkdir(parents=True)


def unusable(name: str) -> dict[str, tuple[str, Write]]:
    """Return what is no readable file: label -> the path to give, and what makes it.

    Args:
        name: of the path, with the suffix that the command looks at.
    """
    suffix = Path(name).suffix
    nothing: Write = lambda folder: None  # noqa: E731
    return {
        "missing": (name, nothing),
        "empty text": ("", nothing),
        "a FIFO": (name, fifo(name)),
        "a link to a FIFO": (name, _both(fifo("pipe"), link(name, "pipe"))),
        "a link to /dev/zero": (name, link(name, "/dev/zero")),
        "/dev/zero": ("/dev/zero", nothing),
        "/dev/stdin": ("/dev/stdin", nothing),
        "a link to itself": (name, link(name, name)),
        "a broken link": (name, link(name, "nowhere")),
        "an empty folder": (name, empty_folder(name)),
        "the root": ("/", nothing),
        "a name of 300 letters": ("n" * 300 + suffix, nothing),
        "a name that is not UTF-8": (os.fsdecode(b"set-\xff\xfe") + suffix, nothing),
        "below a file": (f"file/{name}", _file("file")),
        "a name with a line break": (f"one\ntwo{suffix}", nothing),
    }


def mention(path: str) -> str:
    """Return the start of a path's last part, as every message can print it."""
    match = re.match(r"[ -~]*", Path(path).name)
    return match[0][:20] if match else ""


def _file(name: str) -> Write:
    return lambda folder: (folder / name).write_bytes(b"x") and None


def _both(first: Write, second: Write) -> Write:
    def write(folder: Path) -> None:
        first(folder)
        second(folder)

    return write
