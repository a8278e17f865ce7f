"""One case put before the gate, and what came of it as a record."""

from __future__ import annotations

import math
import time
from typing import Any

from audit.case import Mutant, Rewrite
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding
from parity.report.report import Report
from parity.trace.sites import Phase

TOP = 3


def record(case: Mutant | Rewrite) -> dict[str, Any]:
    """Judge a case and return a JSON-ready record; a side that cannot be compared is ERROR.

    Keys: `set`, `kind`, `name`, `text`, `base`, `side`, `verdict`, `passed`, `seconds`; of a
    mutant also `caught`, `expected`, `found`, `rank` (1 where the first failing finding is at the
    stated place, 0 where none of the first three is), `error`, `source`.
    """
    started = time.perf_counter()
    mutated = isinstance(case, Mutant)
    values: dict[str, Any] = {
        "set": "mutant" if mutated else "rewrite",
        "kind": case.kind, "name": case.name, "text": case.text, "base": case.base.name,
        "side": case.side,
    }  # fmt: skip
    try:
        report = case.judged()
    except CannotCompare as error:
        values |= {"verdict": "ERROR", "passed": False, "reason": one_line(error), "rank": 0}
    else:
        values |= {"verdict": report.verdict.name, "passed": report.passed}
        values |= _found(report, case) if isinstance(case, Mutant) else _accused(report)
    if isinstance(case, Mutant):
        values |= {
            "caught": not values["passed"], "phase": case.phase, "source": case.source,
            "expected": {"paths": list(case.paths), "phase": case.phase, "tensor": case.tensor},
        }  # fmt: skip
    return {**values, "seconds": round(time.perf_counter() - started, 3)}


def _found(report: Report, case: Mutant) -> dict[str, Any]:
    first = report.first_divergence
    if first is None:
        return {"rank": 0, "found": None}
    failing = [f for f in report.findings if not f.passes()]
    tensor_sites: list[tuple[str, Phase, str]] = []
    for finding in [first, *failing]:
        site = (finding.path, finding.phase, finding.tensor)
        if site not in tensor_sites:
            tensor_sites.append(site)
    right = [is_right(case, *site) for site in tensor_sites[:TOP]]
    return {
        "rank": right.index(True) + 1 if any(right) else 0,
        "found": stated(first),
        "confirmed": first.confirmed,
        "failing": len(failing),
    }


def is_right(case: Mutant, path: str, phase: Phase, tensor: str) -> bool:
    """Tell whether a finding is at the place where a mutant was planted."""
    where = not case.paths or path in case.paths
    return where and phase == case.phase and tensor.startswith(case.tensor)


def _accused(report: Report) -> dict[str, Any]:
    first = report.first_divergence
    return {} if first is None else {"found": stated(first)}


def stated(finding: Finding) -> dict[str, Any]:
    """Return where a finding is, and what it says, as JSON-ready values."""
    error = finding.error if math.isfinite(finding.error) else None
    return {
        "path": finding.path, "phase": finding.phase, "tensor": finding.tensor,
        "verdict": finding.verdict.name, "stress_input": finding.stress_input, "error": error,
    }  # fmt: skip
