"""A loss curve: steps, values, and half a unit of their last printed digit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.errors import CannotCompare

# Steps are int64; no run has a step of so many digits.
MOST_DIGITS = 18


@dataclass(frozen=True)
class Row:
    """A point of a curve as it stands in a file.

    Attributes:
        step: its number.
        value: the loss.
        where: its place in the file, `line 3`.
    """

    step: int
    value: float
    where: str


@dataclass(frozen=True, eq=False)
class Curve:
    """A loss curve.

    Attributes:
        name: of the run, for messages.
        steps: strictly increasing, int64 (n,).
        values: finite, float64 (n,).
        resolution: half a unit of the last digit that is known of each value, float64 (n,).
        notes: of the reading, each a line.
    """

    name: str
    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    resolution: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def curve_of(
    name: str, rows: Sequence[Row], resolution: NDArray[np.float64], notes: Sequence[str] = ()
) -> Curve:
    """Return the curve of the rows of a file, sorted by step.

    Args:
        name: of the run.
        rows: in any order.
        resolution: of each row, float64 (n,).
        notes: of the reading.

    Raises:
        CannotCompare: there are no rows, a step is there twice, or a value is no finite number.
    """
    if not rows:
        raise CannotCompare(f"the curve of {name} has no values")
    order = sorted(range(len(rows)), key=lambda index: rows[index].step)
    for first, second in itertools.pairwise(order):
        if rows[first].step == rows[second].step:
            raise CannotCompare(
                f"the curve of {name} has step {rows[first].step} twice, at {rows[first].where} "
                f"and {rows[second].where}: keep one of them"
            )
    steps = np.array([rows[index].step for index in order], np.int64)
    values = np.array([rows[index].value for index in order], np.float64)
    _require_finite(name, steps, values)
    return Curve(name, steps, values, resolution[order], tuple(notes))


def _require_finite(name: str, steps: NDArray[np.int64], values: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(values)
    if not wrong.any():
        return
    first = int(np.argmax(wrong))
    kind = "nan" if math.isnan(values[first]) else "inf"
    when = f"from step {steps[first]} on" if wrong[first:].all() else f"at step {steps[first]}"
    raise CannotCompare(
        f"the curve of {name} is {kind} {when}: only curves of finite values are compared"
    )


def printed_resolution(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return half a unit of the last digit of printed numbers, float64 (n,).

    Numbers with equally many decimals were printed to so many. Of others, trailing zeros were left
    out, or there is an exponent: they were printed to as many digits as the longest has.

    Args:
        texts: decimal numbers, `0.1234` or `1.2e-3`; others get nan.
    """
    parsed = [_digits(text) for text in texts]
    known = [entry for entry in parsed if entry is not None]
    if not known:
        return np.full(len(texts), math.nan)
    decimals = {entry[1] for entry in known}
    fixed = len(decimals) == 1 and not any(entry[2] for entry in known)
    most = max(entry[0] for entry in known)
    found = []
    for text, entry in zip(texts, parsed, strict=True):
        value = abs(float(text)) if entry is not None else 0.0
        if entry is None or not math.isfinite(value):
            found.append(math.nan)
        elif fixed or value == 0:
            found.append(0.5 * 10.0 ** -max(decimals))
        else:
            found.append(0.5 * 10.0 ** (math.floor(math.log10(value)) + 1 - most))
    return np.array(found, np.float64)


def _digits(text: str) -> tuple[int, int, bool] | None:
    """Return a number's significant digits, its decimals, and whether it has an exponent."""
    mantissa, letter, exponent = text.strip().lower().lstrip("+-").partition("e")
    before, _, after = mantissa.partition(".")
    if not (before + after).isdecimal():
        return None
    try:
        power = int(exponent) if letter else 0
    except ValueError:
        return None
    return len((before + after).lstrip("0")) or 1, len(after) - power, bool(letter)
