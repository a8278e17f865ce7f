"""Checks one case and returns the result as a record."""

from __future__ import annotations

import math
import time
from typing import Any

from audit.case import Mutant, Rewrite
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding
from parity.report.report import Report
from parity.trace.sites import TensorSite

# Failing findings among which the injected fault must be named.
TOP = 3


def record(case: Mutant | Rewrite) -> dict[str, Any]:
    """Check a case and return a JSON-ready record; a side that cannot be compared is ERROR.

    Keys: `set`, `kind`, `name`, `text`, `base`, `side`, `verdict`, `passed`, `seconds`, and
    `first_divergence` where there is one; of a mutant also `caught`, `expected`, `phase`, `source`
    and `rank`: the position of the first finding where the fault was injected, 1 for the first
    failing one, 0 where it is not among the first three.
    """
    started = time.perf_counter()
    is_mutant = isinstance(case, Mutant)
    values: dict[str, Any] = {
        "set": "mutant" if is_mutant else "rewrite",
        "kind": case.kind, "name": case.name, "text": case.text, "base": case.base.name,
        "side": case.side,
    }  # fmt: skip
    try:
        report = case.check()
    except CannotCompare as error:
        values |= {"verdict": "ERROR", "passed": False, "reason": one_line(error), "rank": 0}
    else:
        values |= {"verdict": report.verdict.name, "passed": report.passed}
        values |= _localisation(report, case) if isinstance(case, Mutant) else _first(report)
    if isinstance(case, Mutant):
        values |= {
            "caught": not values["passed"], "phase": case.phase, "source": case.source,
            "expected": {"paths": list(case.paths), "phase": case.phase, "tensor": case.tensor},
        }  # fmt: skip
    return {**values, "seconds": round(time.perf_counter() - started, 3)}


def _localisation(report: Report, case: Mutant) -> dict[str, Any]:
    first = report.first_divergence
    if first is None:
        return {"rank": 0}
    failing = [f for f in report.findings if not f.passes()]
    sites = list(dict.fromkeys(finding.site for finding in (first, *failing)))
    matches = [is_expected(case, site) for site in sites[:TOP]]
    return {
        "rank": matches.index(True) + 1 if any(matches) else 0,
        **_first(report),
        "confirmed": first.confirmed,
        "failing": len(failing),
    }


def is_expected(case: Mutant, site: TensorSite) -> bool:
    """Tell whether a tensor is where a mutant was injected."""
    in_module = not case.paths or site.path in case.paths
    in_tensor = case.tensor in ("", site.group or site.label)
    return in_module and site.phase == case.phase and in_tensor


def _first(report: Report) -> dict[str, Any]:
    first = report.first_divergence
    return {} if first is None else {"first_divergence": finding_values(first)}


def finding_values(finding: Finding) -> dict[str, Any]:
    """Return a finding's location, verdict and error as JSON-ready values."""
    error = finding.error if math.isfinite(finding.error) else None
    return {
        "path": finding.path, "phase": finding.phase, "tensor": finding.tensor,
        "verdict": finding.verdict.name, "stress_input": finding.stress_input, "error": error,
    }  # fmt: skip
