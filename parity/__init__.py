"""Proves whether two modules are the same function, tells a bug from rounding, names the place.

Names are imported when they are first used: a pytest plugin is loaded by every suite, and a suite
that compares nothing must not pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parity.checking import assert_parity, check
    from parity.errors import CannotCompare
    from parity.pair import Pair
    from parity.report import Finding, Report
    from parity.trajectory import Course
    from parity.verdict import Verdict

_HOMES = {
    "CannotCompare": "errors",
    "Course": "trajectory",
    "Finding": "report",
    "Pair": "pair",
    "Report": "report",
    "Verdict": "verdict",
    "assert_parity": "checking",
    "check": "checking",
}

__all__ = [
    "CannotCompare",
    "Course",
    "Finding",
    "Pair",
    "Report",
    "Verdict",
    "assert_parity",
    "check",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"parity.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
