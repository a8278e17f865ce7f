"""Shows a comparison on a terminal: one line that changes, and nothing that libraries write."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

CLEAR = "\r\x1b[K"


class ProgressLine:
    """A line on a terminal that says what is being done; it is gone when that is over.

    Args:
        name: stands before every text.
    """

    def __init__(self, name: str) -> None:
        self._name, self._stream = name, sys.stderr
        self._is_shown = self._stream.isatty()
        self._kernels = Kernels()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._is_shown:
            width = shutil.get_terminal_size().columns - 1
            line = f"{self._name}: {text}{self._kernels.remark()}"
            self._write(f"{CLEAR}{line[:width]}")

    def __enter__(self) -> None:
        self.show("building both sides")

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            self._write(CLEAR)

    def _write(self, text: str) -> None:
        try:
            print(text, end="", file=self._stream, flush=True)
        except OSError:  # the terminal is gone
            self._is_shown = False


class Kernels:
    """Counts the kernels that Jittor has compiled since the last look.

    Jittor compiles without letting other threads of Python run, so what it is about to compile is
    not known.
    """

    def __init__(self) -> None:
        self._known: int | None = None

    def remark(self) -> str:
        """Return how many are new, `""` where Jittor is not in use or has compiled nothing."""
        jittor: Any = sys.modules.get("jittor")
        folder = Path(getattr(getattr(jittor, "flags", None), "cache_path", "")) / "jit"
        if jittor is None or not folder.is_dir():
            return ""
        count = sum(entry.name.endswith(".so") for entry in os.scandir(folder))
        new, self._known = count - (count if self._known is None else self._known), count
        return f" (kernels compiled: {new})" if new else ""


@contextmanager
def quiet(*, verbose: bool) -> Iterator[None]:
    """Keep warnings, and what libraries write to the standard streams themselves, out of sight.

    What Python code prints through `sys.stdout` and `sys.stderr` passes: a user's own lines do.

    Args:
        verbose: whether to do nothing.
    """
    if verbose:
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        sink = stack.enter_context(tempfile.TemporaryFile())
        for name, number in (("stdout", 1), ("stderr", 2)):
            stack.enter_context(_redirected(name, number, sink))
        yield


@contextmanager
def _redirected(name: str, number: int, sink: IO[bytes]) -> Iterator[None]:
    """Let a file descriptor lead to a file, and the Python stream of that name past it."""
    stream = getattr(sys, name)
    try:
        stream.flush()
        is_own = stream.fileno() == number
        kept = os.dup(number)
    except (AttributeError, OSError, ValueError):  # closed, or replaced
        yield
        return
    # Not closed: code may keep it, a handler of logging for example.
    past = os.fdopen(os.dup(number), "w", encoding="utf-8", errors="replace", buffering=1)
    os.dup2(sink.fileno(), number)
    if is_own:
        setattr(sys, name, past)
    try:
        yield
    finally:
        past.flush()
        if getattr(sys, name) is past:
            setattr(sys, name, stream)
        os.dup2(kept, number)
        os.close(kept)
