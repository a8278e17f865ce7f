"""Floating point as IEEE 754 has it: no `-Ofast`, so denormals and NaN survive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What `-Ofast` gives beyond -O3, less the parts that change results that people rely on:
# flush-to-zero (linked in by -ffast-math, switched on for the whole process at dlopen) and
# the assumption that NaN and infinity do not occur.
SAFE_FLAGS = "-O3 -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math"


def configured(cc_flags: str) -> str:
    """`cc_flags` without `-Ofast` and `-ffast-math`; the same text if they are not in it."""
    for unsafe in ("-Ofast", "-ffast-math"):
        cc_flags = cc_flags.replace(unsafe, SAFE_FLAGS)
    return cc_flags


def kernels_loaded() -> bool:
    """Whether this process has loaded a kernel of Jittor's, which can no longer be undone.

    The processor's mode would not tell: it belongs to a thread, and Jittor often loads its kernels
    in threads of its own.
    """
    try:
        libraries = Path("/proc/self/maps").read_text()
    except OSError:
        return False
    return re.search(r"/\.cache/jittor/.*/jit/.*_op\.so", libraries) is not None


@contextmanager
def wide(jt: Any) -> Iterator[None]:
    """Let float64 and int64 arrays enter Jittor as they are, instead of being cast to 32 bits.

    Jittor's default casts without a word (flag `auto_convert_64_to_32`).
    """
    before = jt.flags.auto_convert_64_to_32
    jt.flags.auto_convert_64_to_32 = 0
    try:
        yield
    finally:
        jt.flags.auto_convert_64_to_32 = before
