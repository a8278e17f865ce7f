"""Reads loss curves from logs: text, JSON, JSON lines, tables, and TensorBoard's event files."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from parity.curves.curve import MOST_DIGITS, Curve, Row, curve_of, printed_resolution
from parity.curves.tensorboard import EVENT_FILES, event_files, read_scalars
from parity.errors import CannotCompare
from safe_files.reading import CannotRead, read_text, require_file, show

# Names of the column of steps, the best first.
STEPS = ("step", "global_step", "iteration", "iter", "it", "batch", "epoch")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)\b"
_BETWEEN = r"['\"]?\s*[:=]?\s*"
_EPOCH = re.compile(r"(?<!\w)epochs?['\"]?\s*[:=#]?\s*\[?\s*(\d+)", re.IGNORECASE)
_STEP = re.compile(
    rf"(?<!\w)(?:{'|'.join(STEPS[:-1])})s?['\"]?\s*[:=#]?\s*\[?\s*(\d+)(?:\s*/\s*(\d+))?",
    re.IGNORECASE,
)
# `Epoch: [1][20/100]` and `Train Epoch: 1 [640/60000 (1%)]`.
_PART = re.compile(r"(?<!\w)epoch\s*[:=]?\s*\[?\d+\]?\s*\[\s*(\d+)\s*/\s*(\d+)", re.IGNORECASE)
_NAMED = re.compile(rf"([A-Za-z_][\w/.-]*)['\"]?\s*[:= ]\s*(?:{_NUMBER})", re.IGNORECASE)
_SHOWN_NAMES = 12


class _Row(NamedTuple):
    """A loss of a text as it stands there, with the stated number of steps of an epoch."""

    epoch: int | None
    step: int | None
    of: int | None
    loss: str
    line: int


@dataclass
class _Found:
    """Rows of a text, notes of the reading, names that a number follows, and what a row is."""

    rows: list[_Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, None] = field(default_factory=dict)
    unit: str = "line"


def read_curve(path: Path, name: str, *, column: str = "loss", tag: str | None = None) -> Curve:
    """Read a loss curve.

    Args:
        path: a text log, JSON lines, a table with a header (CSV, TSV), an event file of TensorBoard
            or a folder that holds some.
        name: of the run, for messages.
        column: name of the loss in a text, a table or JSON lines; upper and lower case are one.
        tag: name of the scalar in event files; None for the only one.

    Raises:
        CannotCompare: the file cannot be read, has no such loss, a step twice, or nan or inf.
    """
    name = f"{name} ({show(path, longest=60)})"
    files = event_files(path)
    if files:
        return _read_events(files, name, path, column, tag)
    if path.is_dir():
        raise CannotCompare(f"{show(path)} is a folder without {EVENT_FILES}: name a log")
    try:
        require_file(path)
        text = read_text(path)
    except CannotRead as error:
        raise CannotCompare(f"{error}: name a log, a table, or an event file") from None
    separator = _separator(path, text, column)
    entries = None if separator else _entries(text)
    if separator:
        found = _read_table(path, text, separator, column)
    elif entries is not None:
        found = _read_entries(entries, column)
    else:
        found = _read_lines(text, column)
    if not found.rows:
        names = ", ".join(list(found.names)[:_SHOWN_NAMES])
        raise CannotCompare(
            f"{show(path)} has no line with a number of a step or epoch and one after {column!r}"
            + (f"; there are {names}: name one with --column" if names else "")
        )
    if any(row.step is not None for row in found.rows):
        kept = [row for row in found.rows if row.step is not None]
        if len(kept) < len(found.rows):
            left_out = f"{len(found.rows) - len(kept)} losses with an epoch and no step"
            found.notes.append(f"{left_out} are left out")
        found.rows = kept
    resolution = printed_resolution([row.loss for row in found.rows])
    rows = [
        Row(step, float(row.loss), f"{found.unit} {row.line}")
        for step, row in zip(_numbered(found.rows), found.rows, strict=True)
    ]
    return curve_of(name, rows, resolution, [f"{name}: {note}" for note in found.notes])


def _read_events(
    files: Sequence[Path], name: str, path: Path, column: str, tag: str | None
) -> Curve:
    scalars, notes = [], []
    for file in files:
        found, cut = read_scalars(file)
        scalars += [(scalar, file) for scalar in found]
        if cut:
            notes.append(f"{name}: the last record of {file.name} is cut short and left out")
    tags = list(dict.fromkeys(scalar.tag for scalar, _ in scalars))
    if not tags:
        raise CannotCompare(f"{show(path)} has no scalars: name another event file")
    wanted = tag if tag is not None else tags[0] if len(tags) == 1 else column
    if wanted not in tags:
        shown = ", ".join(show(one) for one in tags[:_SHOWN_NAMES])
        raise CannotCompare(f"{show(path)} has no scalar {wanted!r}: give --tag, one of {shown}")
    chosen = [(scalar, file) for scalar, file in scalars if scalar.tag == wanted]
    rows = [Row(s.step, s.value, f"{s.where} of {show(file.name)}") for s, file in chosen]
    return curve_of(name, rows, np.array([s.resolution for s, _ in chosen], np.float64), notes)


def _separator(path: Path, text: str, column: str) -> str | None:
    """Return the separator of a table, None for a text of another kind."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    for separator in (",", "\t", ";"):
        names = [name.strip().strip('"').lower() for name in header.split(separator)]
        if len(names) > 1 and column.lower() in names and set(names) & {*STEPS}:
            return separator
    return {".csv": ";" if ";" in header else ",", ".tsv": "\t"}.get(path.suffix.lower())


def _read_table(path: Path, text: str, separator: str, column: str) -> _Found:
    found = _Found()
    lines = csv.reader(text.splitlines(), delimiter=separator)
    try:
        header = [name.strip() for name in next((row for row in lines if any(row)), [])]
        lower = [name.lower() for name in header]
        names = ", ".join(show(name, longest=40) for name in header[:_SHOWN_NAMES])
        if column.lower() not in lower:
            raise CannotCompare(
                f"{show(path)} has no column {column!r}: name one with --column; there are {names}"
            )
        by_name = {name: lower.index(name) for name in STEPS if name in lower}
        if not by_name:
            raise CannotCompare(
                f"{show(path)} has none of the columns {', '.join(STEPS)}: it has {names}"
            )
        at = lower.index(column.lower())
        for row in lines:
            cells = {name: row[i].strip() for name, i in by_name.items() if i < len(row)}
            # Loggers leave cells empty in rows of other quantities.
            if at < len(row) and row[at].strip() and any(cells.values()):
                _add(found, path, cells, row[at].strip(), lines.line_num)
    except csv.Error as error:
        raise CannotCompare(
            f"{show(path)} is no table, at line {lines.line_num}: {error}"
        ) from None
    return found


def _add(found: _Found, path: Path, cells: Mapping[str, str], loss: str, line: int) -> None:
    """Add a row whose cells have names."""
    numbers = {name: _integer(text) for name, text in cells.items() if text}
    wrong = next((name for name, number in numbers.items() if number is None), None)
    if wrong is not None:
        raise CannotCompare(
            f"{show(path)}, line {line}: {show(cells[wrong], longest=40)!r} is no {wrong}"
        )
    if not re.fullmatch(_NUMBER, loss, re.IGNORECASE):
        raise CannotCompare(f"{show(path)}, line {line}: {show(loss, longest=40)!r} is no number")
    step = next((numbers[name] for name in STEPS[:-1] if name in numbers), None)
    found.rows.append(_Row(numbers.get("epoch"), step, None, loss, line))


def _integer(text: str) -> int | None:
    """Return the number in `12` or `12.0`, None in another text."""
    match = re.fullmatch(r"(\d+)(?:\.0*)?", text)
    return int(match[1]) if match and len(match[1]) <= MOST_DIGITS else None


def _read_lines(text: str, column: str) -> _Found:
    """Read a text line by line; each may be JSON."""
    found = _Found()
    loss = re.compile(rf"(?<![\w/.-]){re.escape(column)}{_BETWEEN}({_NUMBER})", re.IGNORECASE)
    lines = text.split("\n")
    # A killed run leaves half a line, whose last number may be half a number.
    if lines[-1].strip() and loss.search(lines[-1]) and not lines[-1].rstrip().endswith("}"):
        found.notes.append("the last line has no end and is left out")
        lines.pop()
    for number, line in enumerate(lines, 1):
        row = _of_json(line, column, found, number) if line.lstrip().startswith("{") else None
        row = row if row is not None else _of_text(line, loss, found, number)
        if row is not None:
            found.rows.append(row)
    return found


def _entries(text: str) -> list[dict[str, Any]] | None:
    """Return the objects of a JSON document that is a list of some, or has one; else None.

    `log_history` of a trainer_state.json, as the Transformers library writes it, is such a list.
    """
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    document = _parsed(text)
    lists = document.values() if isinstance(document, dict) else [document]
    found = [
        [entry for entry in one if isinstance(entry, dict)]
        for one in lists
        if isinstance(one, list)
    ]
    return max(found, key=len, default=None) or None


def _read_entries(entries: Sequence[dict[str, Any]], column: str) -> _Found:
    found = _Found(unit="entry")
    rows = [_of_entry(entry, column, found, number) for number, entry in enumerate(entries, 1)]
    found.rows = [row for row in rows if row is not None]
    return found


def _parsed(text: str) -> Any:
    """Return what a JSON text holds, None if it is none; numbers stay texts, whose digits count."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _of_json(line: str, column: str, found: _Found, number: int) -> _Row | None:
    entry = _parsed(line)
    return _of_entry(entry, column, found, number) if isinstance(entry, dict) else None


def _of_entry(entry: dict[str, Any], column: str, found: _Found, number: int) -> _Row | None:
    values = {str(key).lower(): value for key, value in entry.items() if isinstance(value, str)}
    found.names.update(dict.fromkeys(map(str, entry)))
    loss = values.get(column.lower(), "")
    if not re.fullmatch(_NUMBER, loss, re.IGNORECASE):
        return None
    numbers = {name: _integer(values[name]) for name in STEPS if name in values}
    step = next((numbers[name] for name in STEPS[:-1] if numbers.get(name) is not None), None)
    epoch = numbers.get("epoch")
    return None if step is None and epoch is None else _Row(epoch, step, None, loss, number)


def _of_text(line: str, loss: re.Pattern[str], found: _Found, number: int) -> _Row | None:
    value = loss.search(line)
    if value is None:
        if len(found.names) < _SHOWN_NAMES:
            found.names.update((match[1], None) for match in _NAMED.finditer(line))
        return None
    epoch, step = _EPOCH.search(line), _PART.search(line) or _STEP.search(line)
    numbers = [match[1] for match in (epoch, step) if match]
    if not numbers or max(map(len, numbers)) > MOST_DIGITS:
        return None
    of = int(step[2]) if step and step[2] and len(step[2]) <= MOST_DIGITS // 2 else None
    return _Row(
        int(epoch[1]) if epoch else None, int(step[1]) if step else None, of, value[1], number
    )


def _numbered(rows: Sequence[_Row]) -> list[int]:
    """Return the step of each row, counted through the run; if no row has one, its epoch.

    A step that starts again in each epoch is added to the steps of the epochs before, by the length
    of an epoch that the log states or, where it states none, by the largest step.
    """
    if rows[0].step is None:
        return [row.epoch or 0 for row in rows]
    epochs: dict[int, set[int | None]] = {}
    for row in rows:
        epochs.setdefault(row.step or 0, set()).add(row.epoch)
    starts_again = any(len(found) > 1 for found in epochs.values())
    stated = [row.of for row in rows if row.of is not None]
    length = max(stated, default=max(epochs) + 1)
    return [
        (row.step or 0) + (row.epoch or 0) * length * (starts_again or row.of is not None)
        for row in rows
    ]
