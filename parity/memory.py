"""Memory that a run has freed and its allocator has kept, given back to the system."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Let the C library return its free pages, where it can (glibc).

    Two frameworks that each keep the memory of their largest run need the sum of both.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
