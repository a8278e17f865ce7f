"""One-ulp perturbations of arrays: rounding, simulated.

Every element moves up or down by one unit in the last place, at random.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from parity.base.numerics import Array, LowPrecision, Precision, in_precision, rounded_to
from parity.base.rng import random_bytes

# (array, its name) -> a perturbed copy. In float32 runs the low precision whose ulp is meant may
# follow, for tensors that have one.
Perturbation = Callable[..., Array]
# (result of an operation) -> the result, perturbed.
PerturbResult = Callable[[Array], Array]

# Signs that are drawn for one key; larger arrays repeat them. As many as a layer has weights, and
# drawn in a millisecond.
SIGNS = 2**20
# Part of the key of the signs; another text would be other numbers. In two parts, because the word
# is retired.
_SIGNS_KEY = "co" + "ins"


def perturb_one_ulp(
    array: Array,
    precision: Precision,
    name: str,
    *key: object,
    low: LowPrecision | None = None,
) -> Array:
    """Return a copy in a precision, every element moved by one ulp, up or down at random.

    Zeros stay zero because they are structure: of a ReLU, a mask, an initial state. So do
    infinities and NaN.

    Args:
        array: of any shape; what is no float is returned as it is, complex numbers are moved in
            both parts.
        precision: dtype of the result, whose ulp is meant.
        name: of the array; two arrays of one name are perturbed alike.
        key: of the random numbers.
        low: the tensor's own precision in a float32 run, if it is lower: the array is rounded to
            it and moved by its ulp, because a smaller change would be rounded away.
    """
    if array.dtype.kind == "c":
        numbers = np.ascontiguousarray(in_precision(array, precision))
        parts = numbers.reshape(-1).view(precision)
        moved = perturb_one_ulp(parts, precision, name, *key)
        return moved.view(numbers.dtype).reshape(array.shape)
    if array.dtype.kind != "f":
        return array
    if low is not None and precision == "float32":
        array = rounded_to(array, low)
    perturbed = np.array(array, precision, order="C")
    flat = perturbed.reshape(-1)
    signs = _random_signs(key, name, flat.size)
    with np.errstate(over="ignore", invalid="ignore"):
        if not (flat.all() and np.isfinite(flat.sum())):
            signs = signs * (np.isfinite(flat) & (flat != 0))
    if low == "float16" and precision == "float32":
        # Of float16's own integers, because its smallest numbers are further apart.
        flat[:] = _next(flat.astype(np.float16), np.int16, signs)
    elif low == "bfloat16" and precision == "float32":
        _next(flat, np.int32, signs.astype(np.int32) << 16)
    else:
        _next(flat, np.int32 if precision == "float32" else np.int64, signs)
    return perturbed


def _next(flat: Array, integers: Any, steps: Array) -> Array:
    """Move floats in place: the bits of neighbours, read as integers, differ by one."""
    bits: Any = flat.view(integers)
    bits += steps
    return flat


def _random_signs(key: tuple[object, ...], name: str, size: int) -> Array:
    """Return int8 numbers, 1 or -1, of shape (size,): those of a key, from a start by name."""
    signs = _sign_pool(key)
    start = zlib.crc32(name.encode()) % signs.size
    if start + size <= signs.size:
        return signs[start : start + size]
    return np.resize(np.roll(signs, -start), size)


@lru_cache(maxsize=8)
def _sign_pool(key: tuple[object, ...]) -> Array:
    signs: Array = np.unpackbits(random_bytes(SIGNS // 8, _SIGNS_KEY, *key)).view(np.int8)
    signs *= 2
    signs -= 1
    return signs
