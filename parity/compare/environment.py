"""What changes arithmetic besides the code: versions and settings, said before any verdict."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from parity.adapters.protocol import Adapter


class Environment(NamedTuple):
    """Both sides' settings, and what a reader should know of their differences."""

    sides: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


def environment(reference: Adapter, candidate: Adapter) -> Environment:
    """Collect and compare the settings of both sides and of the process."""
    ours, theirs = reference.manifest(), candidate.manifest()
    process = process_settings()
    notes = [
        f"{key} differs: {ours[key]} in the reference, {theirs[key]} in the candidate"
        for key in ours
        if key in theirs
        if ours[key] != theirs[key]
        and (key != "version" or reference.framework == candidate.framework)
    ]
    if process["denormals"] == "flushed":
        notes.insert(0, "denormals are flushed to zero in this process, for every framework")
    sides = {
        "process": process,
        "reference": {"framework": reference.framework, **ours},
        "candidate": {"framework": candidate.framework, **theirs},
    }
    return Environment(sides, tuple(notes))


def process_settings() -> dict[str, str]:
    """Return what holds for the whole process."""
    tiny = np.full(4, 1e-40, np.float32)
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "denormals": "kept" if np.all(tiny * np.float32(0.5) != 0) else "flushed",
    }
