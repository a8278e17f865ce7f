"""Compiler flags that keep IEEE 754 arithmetic: no `-Ofast`, so denormals and NaN survive."""

from __future__ import annotations

import re
from pathlib import Path

# The optimisations of `-Ofast` without the two that change results: flush-to-zero (linked in by
# -ffast-math, switched on for the whole process at dlopen) and the assumption that NaN and infinity
# do not occur.
SAFE_FLAGS = "-O3 -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math"


def configured(cc_flags: str) -> str:
    """Return `cc_flags` with `SAFE_FLAGS` in place of `-Ofast` and `-ffast-math`."""
    for unsafe in ("-Ofast", "-ffast-math"):
        cc_flags = cc_flags.replace(unsafe, SAFE_FLAGS)
    return cc_flags


def kernels_loaded() -> bool:
    """Tell whether this process has loaded a kernel of Jittor, which cannot be undone.

    The processor's flush-to-zero mode does not show it: that belongs to a thread, and Jittor often
    loads its kernels in threads of its own.
    """
    try:
        libraries = Path("/proc/self/maps").read_text()
    except OSError:
        return False
    return re.search(r"/\.cache/jittor/.*/jit/.*_op\.so", libraries) is not None
