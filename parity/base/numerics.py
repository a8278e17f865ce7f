"""Distances, magnitudes and rounding of NumPy arrays."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Precision = Literal["float32", "float64"]
# What a model's own tensors may have instead of float32 in the run that is named "float32".
LowPrecision = Literal["bfloat16", "float16"]
# Distance from 1 to the next larger number.
LOW_EPSILON: dict[LowPrecision, float] = {"bfloat16": 2.0**-7, "float16": 2.0**-10}


def is_float(array: Array) -> bool:
    """Tell whether an array holds real or complex floating-point numbers."""
    return array.dtype.kind in "fc"


def is_same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Tell whether shapes are equal, but that () is (1,) in a framework without scalars."""
    return one == other or {one, other} == {(), (1,)}


def in_precision(array: Array, precision: Precision) -> Array:
    """Return a copy, floats in a precision: a complex number has two of them."""
    if array.dtype.kind == "c":
        return array.astype(np.complex64 if precision == "float32" else np.complex128)
    return array.astype(precision) if array.dtype.kind == "f" else array.copy()


def rounded(array: Array) -> Array:
    """Round floats to the values of float32, dtype kept, so that both precisions start equal.

    The result is C-contiguous, as a trace will return it: the memory layout may decide the order
    in which a framework sums. Other dtypes are returned as they are.
    """
    if not is_float(array):
        return array
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which is judged
        result: Array = in_precision(array, "float32").astype(array.dtype, order="C")
    return result


def rounded_to(array: Array, low: LowPrecision) -> Array:
    """Round real floats to the nearest values of a low precision, ties to even.

    NumPy has no bfloat16, so its values are float32 numbers whose lower 16 bits are 0.

    Args:
        array: of any shape and dtype.
        low: whose values are wanted.

    Returns:
        A float32 copy, C-contiguous; what is not real floats is returned as it is.
    """
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which is judged
        if low == "float16":
            return np.array(array.astype(np.float16), np.float32, order="C")
        result: Array = np.array(array, np.float32, order="C")
    bits = result.reshape(-1).view(np.uint32)
    bits += np.where(np.isnan(result.reshape(-1)), 0, 0x7FFF + ((bits >> 16) & 1)).astype(np.uint32)
    bits &= np.uint32(0xFFFF0000)
    return result


def same_bits(a: Array, b: Array) -> bool:
    """Tell whether two arrays have one dtype, one shape, and the same bits."""
    form = a.dtype == b.dtype and a.shape == b.shape
    return form and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def distance(a: Array, b: Array) -> float:
    """Return the largest absolute difference, 0 for empty arrays.

    Elements that are the same infinity, or NaN, in both arrays do not differ. A NaN in one array
    alone makes the result NaN.

    Raises:
        ValueError: the shapes differ; nothing is ever broadcast.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    if a.size == 0:
        return 0.0
    result = _largest_difference(a, b)
    if np.isfinite(result):
        return result
    # The same infinities give NaN when they are subtracted.
    alike = same_not_finite(a, b)
    return _largest_difference(np.where(alike, 0, a), np.where(alike, 0, b))


def same_not_finite(a: Array, b: Array) -> Array:
    """Return where two arrays of one shape hold the same infinity, or both NaN, as booleans."""
    if not (is_float(a) and is_float(b)):
        return np.zeros(a.shape, bool)
    with np.errstate(over="ignore"):
        alike: Array = (np.isnan(a) & np.isnan(b)) | (np.isinf(a) & (a == b))
    return alike


def _largest_difference(a: Array, b: Array) -> float:
    if "c" in (a.dtype.kind, b.dtype.kind):
        with np.errstate(invalid="ignore", over="ignore"):
            return float(np.max(np.abs(a.astype(np.complex128) - b)))
    # Equal dtypes are subtracted as they are, at half the cost; the rounding does not matter here.
    dtype = None if a.dtype == b.dtype and a.dtype.kind == "f" else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.subtract(a, b, dtype=dtype)
    return float(max(np.maximum.reduce(differences, None), -np.minimum.reduce(differences, None)))


def magnitude(a: Array) -> float:
    """Return the largest absolute value: 0 for an empty array, NaN if it holds one."""
    if a.size == 0:
        return 0.0
    if a.dtype.kind == "c":
        return float(np.max(np.abs(a)))
    return float(max(np.maximum.reduce(a, None), -np.minimum.reduce(a, None)))


def finite(value: float) -> float:
    """Return a spread, or 0 where it is not finite: an overflow says nothing about rounding."""
    return value if np.isfinite(value) else 0.0
