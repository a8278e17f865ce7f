"""Reads the files that a page of evidence is made from, each known by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from parity.curves.comparing import LOSSES_SCHEMA
from parity.errors import CannotCompare
from parity.report.report import Report
from safe_files.reading import CannotRead, read_json, require_file, show

PICTURES = {".png", ".jpg", ".jpeg", ".svg", ".gif", ".webp"}
FORMS = (
    "a report of `parity check --json`, `parity check-steps --json` or `pytest --parity-json`, "
    "losses of `parity losses --json`, times of pytest-benchmark, or a picture"
)


class Timing(NamedTuple):
    """The time of one implementation, divided by that of another.

    Attributes:
        name: what was timed.
        implementation, base: whose time, divided by whose.
        ratio: low, median and high; equal where single medians are all there is.
        in_turn: whether runs of both alternated.
    """

    name: str
    implementation: str
    base: str
    ratio: tuple[float, float, float]
    in_turn: bool


@dataclass(frozen=True)
class Evidence:
    """The contents of the files.

    Attributes:
        reports: of comparisons.
        losses: entries of `parity losses --json`.
        timings: from pytest-benchmark.
        machine: of the timings, name -> value.
        pictures: files.
        digests: name of each file -> the SHA-256 of its bytes, in hexadecimal.
    """

    reports: Sequence[Report]
    losses: Sequence[Mapping[str, Any]]
    timings: Sequence[Timing]
    machine: Mapping[str, str]
    pictures: Sequence[Path]
    digests: Mapping[str, str]


def read_evidence(paths: Sequence[Path]) -> Evidence:
    """Read files of any of the kinds in `FORMS`.

    Raises:
        CannotCompare: a file cannot be read or is of no such kind; no report is among them, or one
            compares nothing.
    """
    reports: list[Report] = []
    losses: list[Mapping[str, Any]] = []
    timings: list[Timing] = []
    machine: dict[str, str] = {}
    pictures: list[Path] = []
    digests: dict[str, str] = {}
    for path in paths:
        digest = _digest(path)
        if digest in digests.values():
            raise CannotCompare(f"{show(path)} is given twice")
        digests[_unique(path.name, digests)] = digest
        if path.suffix.lower() in PICTURES:
            pictures.append(path)
            continue
        content = _json(path)
        if str(content.get("schema", "")).startswith("parity-report/"):
            reports.append(_report(path))
        elif content.get("schema") == LOSSES_SCHEMA:
            losses.append(_losses(path, content))
        elif isinstance(content.get("benchmarks"), list):
            timings += _timings(path, content)
            machine |= _machine(content)
        else:
            raise CannotCompare(f"{show(path)} is of an unknown form: name {FORMS}")
    if not reports:
        raise CannotCompare(
            "evidence needs a comparison: name the file of `parity check … --json parity.json`"
        )
    return Evidence(reports, losses, timings, machine, pictures, digests)


def _unique(name: str, taken: Mapping[str, str]) -> str:
    number = 1
    unique = name
    while unique in taken:
        number += 1
        unique = f"{name} ({number})"
    return unique


def _digest(path: Path) -> str:
    try:
        require_file(path)
    except CannotRead as error:
        raise CannotCompare(f"{error}; name {FORMS}") from None
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except CannotRead as error:
        raise CannotCompare(f"{error}; name {FORMS}") from None
    return content if isinstance(content, dict) else {}


def _report(path: Path) -> Report:
    report = Report.load(path)
    covered = report.coverage
    is_step = any(finding.scope in ("step", "loop", "free_run") for finding in report.findings)
    if not report.findings or not (covered.outputs or covered.tensors or is_step):
        raise CannotCompare(f"{show(path)} compares no tensor of {report.pair!r}: it shows nothing")
    return report


def _losses(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    needed = {
        "a", "b", "verdict", "steps", "first_step", "last_step", "first_losses", "last_losses",
        "largest_relative_difference", "largest_at_step",
    }  # fmt: skip
    missing = sorted(needed - content.keys())
    if missing:
        raise CannotCompare(f"{show(path)} lacks {missing[0]!r}: write it anew, `parity losses`")
    return content


def _timings(path: Path, content: Mapping[str, Any]) -> list[Timing]:
    """Return ratios: those that a benchmark states, or else those of the medians of a group."""
    found: list[Timing] = []
    groups: dict[str, list[Mapping[str, Any]]] = {}
    try:
        for entry in content["benchmarks"]:
            extra = entry.get("extra_info", {})
            ratio = extra.get("ratio")
            if ratio is None:
                groups.setdefault(str(entry["group"] or entry["name"]), []).append(entry)
            elif extra["implementation"] != extra["base"]:
                low, median, high = (float(ratio[key]) for key in ("low", "median", "high"))
                found.append(
                    Timing(extra["benchmark"], extra["implementation"], extra["base"],
                           (low, median, high), in_turn=True)
                )  # fmt: skip
        for group, entries in groups.items():
            base = entries[0]
            for other in entries[1:]:
                ratio = float(other["stats"]["median"]) / float(base["stats"]["median"])
                found.append(
                    Timing(group, other["name"], base["name"], (ratio,) * 3, in_turn=False)
                )
    except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
        raise CannotCompare(
            f"{show(path)} is no file of pytest-benchmark: {type(error).__name__}"
        ) from error
    return found


def _machine(content: Mapping[str, Any]) -> dict[str, str]:
    info = content.get("machine_info")
    if not isinstance(info, dict):
        return {}
    cpu = info.get("cpu")
    facts = {
        "processor": cpu.get("brand_raw") if isinstance(cpu, dict) else None,
        "cores": cpu.get("count") if isinstance(cpu, dict) else None,
        "system": info.get("system"),
        "python": info.get("python_version"),
    }
    return {name: str(value) for name, value in facts.items() if value}
