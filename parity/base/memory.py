"""Memory during a comparison: freed pages are returned, older objects are not collected."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def give_back() -> None:
    """Return free pages to the system, where the C library can (glibc).

    Two frameworks that each kept the memory of their largest run would need the sum of both.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@contextmanager
def older_objects_left_alone() -> Iterator[None]:
    """Keep the garbage collector from visiting objects that exist already.

    Two imported frameworks are many objects. Nothing happens if the user has frozen some.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
