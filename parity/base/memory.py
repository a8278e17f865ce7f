"""Memory while a comparison runs: what was freed is given back, what was there is left alone."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Let the C library return its free pages, where it can (glibc).

    Two frameworks that each keep the memory of their largest run need the sum of both.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def older_objects_left_alone() -> Iterator[None]:
    """Keep the garbage collector from walking what existed before, two frameworks' worth of it.

    A user who has frozen objects already is not interfered with.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
