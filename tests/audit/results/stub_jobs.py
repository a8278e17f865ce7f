"""Jobs of an audit that take no time, and wait where a test wants them to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

NAMES = ("a", "b", "c", "d", "e")


def jobs(folder: Path) -> Iterator[tuple[str, Any]]:
    """List five jobs, which do what files in a folder say.

    Where there is `NAME.wait`, a named pipe, a job says there who it is, and never ends; where
    there is `NAME.die`, its process ends. Each adds a line to `calls`.
    """
    for name in NAMES:
        yield f"rewrite/{name}", partial(record, folder, name)


def record(folder: Path, name: str) -> dict[str, Any]:
    with (folder / "calls").open("a") as calls:
        calls.write(f"{name} {os.getpid()}\n")
    if (folder / f"{name}.die").exists():
        os._exit(3)
    if (folder / f"{name}.wait").exists():
        with (folder / f"{name}.wait").open("w") as pipe:
            pipe.write(str(os.getpid()))
        (folder / "never").open().close()  # a pipe that nobody writes to
    return {
        "set": "rewrite", "kind": "stub", "name": name, "text": f"The job {name}.", "base": "none",
        "side": "torch", "verdict": "IDENTICAL", "passed": True, "seconds": 0.0,
    }  # fmt: skip
