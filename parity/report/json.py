"""parity.json: the report as data, versioned, written and read here alone.

`report.schema.json` beside this file is the contract with other readers.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding
from parity.report.report import Report
from parity.verdict import Verdict
from safe_files import CannotWrite, write_text

SCHEMA = "parity-report/1"


def to_dict(report: Report) -> dict[str, Any]:
    """Return a report as JSON-ready values; NaN and infinity become null and text."""
    first = report.first_divergence
    return {
        "schema": SCHEMA,
        "pair": report.pair,
        "passed": report.passed,
        "verdict": report.verdict.name,
        "first_divergence": None if first is None else _finding(first),
        "counts": report.counts,
        "notes": list(report.notes),
        "environment": {side: dict(values) for side, values in report.environment.items()},
        "seconds": report.seconds,
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    values = dict(vars(finding))
    values["verdict"] = finding.verdict.name
    for name in ("error", "noise"):
        values[name] = _number(values[name])
    return values


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value


def _float(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def from_dict(values: Any) -> Report:
    """Rebuild a report from what `to_dict` gave.

    Raises:
        CannotCompare: it is of another schema, or damaged.
    """
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema != SCHEMA:
        raise CannotCompare(f"schema is {schema!r}, and {SCHEMA!r} is needed")
    try:
        return Report(
            pair=values["pair"],
            findings=tuple(_read_finding(finding) for finding in values["findings"]),
            notes=tuple(values["notes"]),
            environment=values["environment"],
            seconds=values["seconds"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CannotCompare(f"not a complete report: {one_line(error)}") from error


def _read_finding(values: dict[str, Any]) -> Finding:
    numbers = {name: _float(values[name]) for name in ("error", "noise")}
    return Finding(**{**values, **numbers, "verdict": Verdict[values["verdict"]]})


def write(report: Report, path: Path) -> None:
    """Write a report as JSON.

    Raises:
        CannotCompare: the file cannot be written.
    """
    text = json.dumps(to_dict(report), indent=1, allow_nan=False) + "\n"
    try:
        write_text(path, text)
    except CannotWrite as error:
        raise CannotCompare(str(error)) from error


def read(path: Path) -> Report:
    """Read a report.

    Raises:
        CannotCompare: there is none, or it is damaged or of another schema.
    """
    try:
        return from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CannotCompare(f"{path} cannot be read: {one_line(error)}") from error
    except CannotCompare as error:
        raise CannotCompare(f"{path} cannot be read: {error}") from error
