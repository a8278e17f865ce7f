"""Judges whether two modules are the same function, tells faults from rounding, and locates them.

Public names are imported when they are first used: every test suite loads the pytest plugin, also
one that compares nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.adapters.protocol import register_adapter
    from parity.base.random_streams import random_stream
    from parity.compare.tables import Tables
    from parity.errors import CannotCompare
    from parity.nested.containers import register_container
    from parity.pair import Pair
    from parity.pair_check import assert_parity, check
    from parity.recording.record import Record
    from parity.recording.record_side import record
    from parity.report.finding import Finding
    from parity.report.report import Report
    from parity.steps.recording import recording_steps
    from parity.steps.replaying import replaying_steps
    from parity.trajectories.check_trajectory import check_course, check_trajectory
    from parity.trajectories.trajectory import Course, Trajectory
    from parity.verdict import Verdict

_MODULES = {
    "CannotCompare": "errors",
    "Course": "trajectories.trajectory",
    "Trajectory": "trajectories.trajectory",
    "Finding": "report.finding",
    "Tables": "compare.tables",
    "Pair": "pair",
    "Record": "recording.record",
    "Report": "report.report",
    "Verdict": "verdict",
    "assert_parity": "pair_check",
    "check": "pair_check",
    "check_course": "trajectories.check_trajectory",
    "check_trajectory": "trajectories.check_trajectory",
    "record": "recording.record_side",
    "recording_steps": "steps.recording",
    "replaying_steps": "steps.replaying",
    "random_stream": "base.random_streams",
    "register_adapter": "adapters.protocol",
    "register_container": "nested.containers",
}

__all__ = [
    "CannotCompare",
    "Course",
    "Finding",
    "Pair",
    "Record",
    "Report",
    "Tables",
    "Trajectory",
    "Verdict",
    "assert_parity",
    "check",
    "check_course",
    "check_trajectory",
    "random_stream",
    "record",
    "recording_steps",
    "register_adapter",
    "register_container",
    "replaying_steps",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"parity.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
