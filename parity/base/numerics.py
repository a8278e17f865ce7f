"""Distances, magnitudes and rounding of NumPy arrays."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Precision = Literal["float32", "float64"]


def is_float(array: Array) -> bool:
    """Tell whether an array holds real or complex floating-point numbers."""
    return array.dtype.kind in "fc"


def rounded(array: Array) -> Array:
    """Round floats to float32's values, dtype kept, so that both precisions start equal.

    The result lies in memory row by row, as it will when it comes back from a trace: a framework
    may sum in another order elsewhere.
    """
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is judged as such
        result: Array = array.astype(np.float32).astype(array.dtype, order="C")
    return result


def distance(a: Array, b: Array) -> float:
    """Return the largest absolute difference, 0 for empty arrays; NaN where either has one.

    Raises:
        ValueError: the shapes differ; nothing is ever broadcast.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    if a.size == 0:
        return 0.0
    if "c" in (a.dtype.kind, b.dtype.kind):
        return float(np.max(np.abs(a.astype(np.complex128) - b)))
    # Between two of one precision the difference is as good there, and costs half.
    wide = None if a.dtype == b.dtype and a.dtype.kind == "f" else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.subtract(a, b, dtype=wide)
    return float(max(np.maximum.reduce(gap, None), -np.minimum.reduce(gap, None)))


def magnitude(a: Array) -> float:
    """Return the largest absolute value, 0 for an empty array; NaN where it has one."""
    if a.size == 0:
        return 0.0
    if a.dtype.kind == "c":
        return float(np.max(np.abs(a)))
    return float(max(np.maximum.reduce(a, None), -np.minimum.reduce(a, None)))
