"""Memory that this process has used."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the largest resident memory of this process so far, in bytes.

    On Linux `ru_maxrss` includes the parent's memory when it started this process; `VmHWM` does
    not.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    peak = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    if peak:
        return int(peak[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
