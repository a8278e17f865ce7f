"""A line on stderr that shows how far the first compile of Jittor's core is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

# Files of the core that Jittor generates, besides those in its `src`.
GENERATED = 25


def expected_files(jittor_source: Path) -> int:
    """Return about how many object files the core will have."""
    return sum(1 for _ in jittor_source.rglob("*.cc")) + GENERATED


@contextmanager
def first_compile(cache_path: Path, total: int, stream: TextIO | None = None) -> Iterator[None]:
    """Report the compile of the core on `stream`, by default stderr.

    A terminal gets a line that counts files; any other stream a line at the start and at the end.
    """
    stream = stream or sys.stderr
    start, done = time.monotonic(), threading.Event()
    stream.write(
        "jittor_env: compiling Jittor's core, a minute or two; this happens once "
        f"(kept in {cache_path})\n"
    )
    watcher = threading.Thread(
        target=_watch, args=(cache_path / "obj_files", total, stream, done), daemon=True
    )
    if stream.isatty():
        watcher.start()
    try:
        yield
    finally:
        done.set()
        if watcher.is_alive():
            watcher.join()
    stream.write(f"jittor_env: core compiled in {time.monotonic() - start:.0f} s\n")
    stream.flush()


def _watch(objects: Path, total: int, stream: TextIO, done: threading.Event) -> None:
    while not done.wait(1.0):
        count = min(sum(1 for _ in objects.glob("*.o")), total)
        stream.write(f"\r  {count}/{total} files ")
        stream.flush()
    stream.write("\r\x1b[K")
