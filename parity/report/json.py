"""parity.json: a report as data, versioned; written and read here alone.

`report.schema.json` beside this file is the contract with other readers, and docs/parity-json.md
explains it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from parity.base.difference import AxisShare, Difference
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding
from parity.report.outcome import Outcome
from parity.structure.module_pairs import ModulePair, ModuleSide
from parity.structure.source_lines import Kind, SourceLines
from parity.trace.sites import Boundary, BoundaryPort, Phase, Quantity, Scope, Segment
from parity.verdict import Cause, Precision, Role, Verdict
from safe_files import CannotWrite, write_text
from safe_files.reading import CannotRead, read_json, show

SCHEMA = "parity-report/2"
SCHEMA_1 = "parity-report/1"


def to_dict(report: Outcome) -> dict[str, Any]:
    """Return a report as JSON-ready values; NaN becomes null and infinity the text `inf`."""
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
        "parameters": dict(report.parameters),
        "modules": [
            {role: _module(side) for role, side in pair._asdict().items()}
            for pair in report.modules
        ],
        "findings": [_finding(finding) for finding in report.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    segment = finding.segment
    return {
        **vars(finding),
        "verdict": finding.verdict.name,
        "cause": None if finding.cause is None else finding.cause.name,
        "error": _number(finding.error),
        "noise": _number(finding.noise),
        "compared": None if finding.compared is None else list(finding.compared),
        "modules": None if finding.modules is None else list(finding.modules),
        "segment": None
        if segment is None
        else {"before": segment.before._asdict(), "after": segment.after._asdict()},
        "difference": None if finding.difference is None else _difference(finding.difference),
        "tensor": finding.tensor,
        "reason": finding.reason,
        "allowed": finding.allowed,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    values = difference.values
    return {
        **vars(difference),
        "values": None if values is None else [*map(_number, values)],
        "axes": [vars(axis) for axis in difference.axes],
    }


def _module(side: ModuleSide | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "path": side.path,
        "class": side.kind,
        "parameters": side.parameters,
        "source": [lines._asdict() for lines in side.source],
    }


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return str(value) if math.isinf(value) else value


def _float(value: float | str | None) -> float:
    return math.nan if value is None else float(value)


def from_dict(values: Any) -> dict[str, Any]:
    """Return the fields of the report that `to_dict` gave, of this schema or the one before.

    Raises:
        CannotCompare: it is of another schema, or damaged.
    """
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema not in (SCHEMA, SCHEMA_1):
        raise CannotCompare(f"schema is {schema!r}, and {SCHEMA!r} or {SCHEMA_1!r} is needed")
    read_finding = _read_finding if schema == SCHEMA else _read_finding_1
    try:
        environment = values["environment"]
        return {
            "pair": _text(values["pair"], "pair"),
            "findings": tuple(
                _checked(read_finding(finding)) for finding in _list(values["findings"], "findings")
            ),
            "notes": tuple(_text(note, "notes") for note in _list(values["notes"], "notes")),
            "environment": {side: dict(sides) for side, sides in environment.items()},
            "seconds": _seconds(values["seconds"]),
            # Reports of version 0.1 lack it.
            "parameters": {side: int(n) for side, n in values.get("parameters", {}).items()},
            "modules": tuple(
                ModulePair(_read_module(pair["reference"]), _read_module(pair["candidate"]))
                for pair in _list(values.get("modules", []), "modules")
            ),
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CannotCompare(f"not a complete report: {one_line(error)}") from error


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"seconds is {str(value)[:40]!r}, which is no number")
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is {str(value)[:40]!r}, which is no list")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} holds {value!r}, which is no text")
    return value


def _checked(finding: Finding) -> Finding:
    """Require of each field the type that it has in `Finding`."""
    for name, expected in vars(_EXAMPLE).items():
        value, kind = getattr(finding, name), _OPTIONAL.get(name)
        if kind is None:
            kind = (int, float) if isinstance(expected, float) else type(expected)
        elif value is None:
            continue
        is_flag = isinstance(value, bool) and kind is not bool
        is_word = name not in _WORDS or value in _WORDS[name]
        if is_flag or not isinstance(value, kind) or not is_word:
            raise TypeError(f"{name} of a finding is {str(value)[:40]!r}")
    return finding


def _read_finding(values: Mapping[str, Any]) -> Finding:
    # Texts are made anew from the data; what a later version adds is passed over.
    fields = {name: value for name, value in values.items() if name in vars(_EXAMPLE)}
    segment = values["segment"]
    fields |= {
        "verdict": Verdict[values["verdict"]],
        "cause": None if values["cause"] is None else Cause[values["cause"]],
        "error": _float(values["error"]),
        "noise": _float(values["noise"]),
        "compared": _two_texts(values["compared"]),
        "modules": _two_texts(values.get("modules")),
        "difference": _read_difference(values.get("difference")),
        "segment": None
        if segment is None
        else Segment(Boundary(**segment["before"]), Boundary(**segment["after"])),
    }
    return Finding(**fields)


def _read_module(values: Any) -> ModuleSide | None:
    if values is None:
        return None
    return ModuleSide(
        _text(values["path"], "path of a module"),
        _text(values["class"], "class of a module"),
        _integer(values["parameters"]),
        tuple(
            SourceLines(
                _kind(lines["kind"]),
                _text(lines["file"], "file"),
                _integer(lines["line"]),
                _text(lines["text"], "text"),
            )
            for lines in _list(values["source"], "source")
        ),
    )


def _kind(value: Any) -> Kind:
    if value not in get_args(Kind):
        raise ValueError(f"{str(value)[:40]!r} is no kind of source")
    return cast(Kind, value)


def _read_difference(values: Any) -> Difference | None:
    if values is None:
        return None
    axes = tuple(map(_read_axis, values["axes"]))
    shape, index = (tuple(map(_integer, values[name])) for name in ("shape", "index"))
    if not len(shape) == len(index) == len(axes):
        raise ValueError(f"difference has {len(axes)} axes, and {len(shape)} in its shape")
    pair, border = values["values"], values["border"]
    if border is not None and len(border) != len(shape):
        raise ValueError(f"difference has {len(shape)} axes, and {len(border)} in its border")
    return Difference(
        shape,
        _integer(values["count"]),
        index,
        None if pair is None else (_float(pair[0]), _float(pair[1])),
        axes,
        None if border is None else tuple((_integer(low), _integer(high)) for low, high in border),
    )


def _read_axis(values: Any) -> AxisShare:
    first, last, count, step = (
        _integer(values[name]) for name in ("first", "last", "count", "step")
    )
    profile = tuple(map(float, values["profile"]))
    if not count or not all(0 <= share <= 1 for share in profile):
        raise ValueError("an axis of a difference has no elements, or shares beyond 0 and 1")
    return AxisShare(first, last, count, step, profile)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{str(value)[:40]!r} is no number of elements")
    return value


def _two_texts(values: Sequence[Any] | None) -> tuple[str, str] | None:
    return None if values is None else (str(values[0]), str(values[1]))


def _read_finding_1(values: Mapping[str, Any]) -> Finding:
    """Read a finding of schema 1, which held texts where there are fields now; they are kept."""
    return Finding(
        path=values["path"],
        phase=values["phase"],
        verdict=Verdict[values["verdict"]],
        error=_float(values["error"]),
        noise=_float(values["noise"]),
        quantity="named",
        label=values["tensor"],
        confirmed=values["confirmed"],
        stress_input=values["probe"],
        segment=_segment_1(values["gap"]),
        hint=values["hint"],
        note=values["reason"],
        allowance="" if values["allowed"] else None,
    )


def _segment_1(text: str) -> Segment | None:
    """Read `output of conv and input of norm`; no path of a module holds a space."""
    before, _, after = text.partition(" and ")
    return Segment(_boundary_1(before), _boundary_1(after)) if text else None


def _boundary_1(text: str) -> Boundary:
    port, _, path = text.removeprefix("the ").partition(" of ")
    if port not in get_args(BoundaryPort):
        raise ValueError(f"{text!r} is no boundary of a module")
    return Boundary(cast(BoundaryPort, port), "" if path == "the model" else path)


_EXAMPLE = Finding(path="", phase="forward", verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)
# Fields that may be None, and what else they may be.
_OPTIONAL: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "cause": Cause,
    "side": str,
    "compared": tuple,
    "confirmed": bool,
    "stress_input": str,
    "segment": Segment,
    "modules": tuple,
    "allowance": str,
    "known": str,
    "scale": (int, float),
    "difference": Difference,
}
_WORDS: dict[str, tuple[Any, ...]] = {
    "phase": get_args(Phase),
    "quantity": get_args(Quantity),
    "scope": get_args(Scope),
    "precision": get_args(Precision),
    "side": (None, *get_args(Role)),
}


def dumps(report: Outcome) -> str:
    """Return a report as the text of a JSON file."""
    return json.dumps(to_dict(report), indent=1, allow_nan=False) + "\n"


def write(report: Outcome, path: Path) -> None:
    """Write a report as JSON.

    Raises:
        CannotCompare: the file cannot be written.
    """
    try:
        write_text(path, dumps(report))
    except CannotWrite as error:
        raise CannotCompare(str(error)) from error


def read(path: Path) -> dict[str, Any]:
    """Read the fields of a report.

    Raises:
        CannotCompare: there is none, or it is damaged or of another schema.
    """
    try:
        return from_dict(read_json(path))
    except CannotRead as error:
        raise CannotCompare(f"{error}; give a report of parity check --json") from error
    except CannotCompare as error:
        raise CannotCompare(f"{show(path)} cannot be read: {error}") from error
