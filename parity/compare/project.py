"""The table `[tool.parity.accept]` of pyproject.toml: what is accepted in all pairs of a project.

    [tool.parity.accept]
    "jittor.batch_norm.running_var" = "the port is not trained further"
    "jittor.adam.eps" = { reason = "below 1e-5 of an update", until = 2027-03-01 }

The file is the nearest one at or above the working directory.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from parity.errors import CannotCompare, one_line
from parity.report.known_divergences import DIVERGENCES
from safe_files.reading import show

FILE = "pyproject.toml"
FORM = "must be a reason, or { reason = …, until = 2027-12-31 }"


class Accepted(NamedTuple):
    """Known divergences that a project accepts.

    Attributes:
        reasons: name -> reason.
        expired: name -> until when it was accepted.
    """

    reasons: Mapping[str, str]
    expired: Mapping[str, date]

    def notes(self) -> list[str]:
        """Return what a reader of a report should know."""
        return [
            f"{FILE} accepted {name!r} until {until}, which has passed"
            for name, until in self.expired.items()
        ]

    def unused(self, used: Collection[str | None]) -> list[str]:
        """Return a line for each entry that explained nothing.

        Args:
            used: names of the divergences that explained something.
        """
        return [
            f"{FILE} accepts {name!r}, which explained nothing here: remove the entry, unless "
            "another pair needs it"
            for name in self.reasons
            if name not in used
        ]


def accepted_here(folder: Path | None = None, today: date | None = None) -> Accepted:
    """Return what the project around a folder accepts; nothing where there is no such table.

    Args:
        folder: the working directory if None.
        today: the present day if None.

    Raises:
        CannotCompare: the table is no valid one; the file is named.
    """
    start = (folder or Path.cwd()).absolute()
    for place in (start, *start.parents):
        path = place / FILE
        if path.is_file():
            return _accepted(path, today or date.today())
    return Accepted({}, {})


def _accepted(path: Path, today: date) -> Accepted:
    table = _table(path)
    unknown = [key for key in table if key != "accept"]
    entries = table.get("accept", {})
    if unknown or not isinstance(entries, dict):
        wrong = f"has {unknown[0]!r}" if unknown else "accept is no table"
        raise CannotCompare(f"{show(path)}: [tool.parity] {wrong}; it may have a table, accept")
    reasons, expired = {}, {}
    for name, value in entries.items():
        if name not in DIVERGENCES:
            raise CannotCompare(
                f"{show(path)}: [tool.parity.accept] names {name!r}, which is no known divergence; "
                f"there are {', '.join(DIVERGENCES)}"
            )
        reason, until = _entry(value)
        if not reason:
            raise CannotCompare(f"{show(path)}: [tool.parity.accept] {name!r} {FORM}")
        if until is not None and until < today:
            expired[name] = until
        else:
            reasons[name] = reason
    return Accepted(reasons, expired)


def _entry(value: Any) -> tuple[str, date | None]:
    """Return reason and last day; an empty reason stands for a value of another form."""
    if isinstance(value, str):
        return value.strip(), None
    if not isinstance(value, dict) or not {"reason"} <= value.keys() <= {"reason", "until"}:
        return "", None
    reason, until = value["reason"], value.get("until")
    is_day = until is None or type(until) is date
    return (reason.strip(), until) if isinstance(reason, str) and is_day else ("", None)


def _table(path: Path) -> Mapping[str, Any]:
    """Return `[tool.parity]` of a file; empty where there is none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if "tool" not in text or "parity" not in text:
        return {}
    try:
        table = _toml().loads(text).get("tool", {}).get("parity", {})
    except (ValueError, AttributeError) as error:
        raise CannotCompare(f"{show(path)} is no valid TOML: {one_line(error)}") from None
    if not isinstance(table, dict):
        raise CannotCompare(f"{show(path)}: tool.parity must be a table")
    return table


def _toml() -> Any:
    for name in ("tomllib", "tomli"):  # a part of Python since 3.11, a package before
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise CannotCompare(f"{FILE} may say what is accepted, and cannot be read: pip install tomli")
