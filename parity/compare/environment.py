"""Versions and settings that change arithmetic besides the code, reported before any verdict."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from parity.adapters.protocol import Adapter


class Environment(NamedTuple):
    """Settings of the process and of both sides, and notes on their differences."""

    sides: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]


def environment(reference: Adapter, candidate: Adapter) -> Environment:
    """Collect and compare the settings of both sides and of the process."""
    expected, actual = reference.manifest(), candidate.manifest()
    process = process_settings()
    notes = [
        f"{key} differs: {expected[key]} in the reference, {actual[key]} in the candidate"
        for key in expected
        if key in actual
        if expected[key] != actual[key]
        and (key != "version" or reference.framework == candidate.framework)
    ]
    notes += [
        f"the {side} is compiled: its casts do not follow a float64 run, nor are its draws shared"
        for side, settings in (("reference", expected), ("candidate", actual))
        if settings.get("compiled") == "True"
    ]
    if process["denormals"] == "flushed":
        notes.insert(0, "denormals are flushed to zero in this process, for every framework")
    sides = {
        "process": process,
        "reference": {"framework": reference.framework, **expected},
        "candidate": {"framework": candidate.framework, **actual},
    }
    return Environment(sides, tuple(notes))


def process_settings() -> dict[str, str]:
    """Return versions and settings of the process."""
    tiny = np.full(4, 1e-40, np.float32)
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "denormals": "kept" if np.all(tiny * np.float32(0.5) != 0) else "flushed",
    }
