"""Ways to corrupt an array that a candidate returns: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.base.numerics import Array, is_float, magnitude

Corrupt = Callable[[Array], Array]


def shuffled(x: Array) -> Array:
    """Return the elements in another order, each moved on by one position."""
    return np.roll(x.reshape(-1), 1).reshape(x.shape)


def zeroed(x: Array) -> Array:
    """Return zeros."""
    return np.zeros_like(x)


def one_nan(x: Array) -> Array:
    """Return the array with NaN in the middle; integers have none and stay."""
    return _with_middle(x, np.nan) if is_float(x) else x.copy()


def wrong_shape(x: Array) -> Array:
    """Return the array twice, along a new axis."""
    return np.stack([x, x])


def one_per_cent_off(x: Array) -> Array:
    """Return the array a hundredth too large; integers too large by one."""
    return np.asarray(x * x.dtype.type(1.01) if is_float(x) else x + x.dtype.type(1))


def one_element_wrong(x: Array) -> Array:
    """Return the array with its largest magnitude, or 1, added to the element in the middle."""
    if not x.size:
        return x.copy()
    error = (magnitude(x) or 1.0) if is_float(x) else 1
    return _with_middle(x, x.reshape(-1)[x.size // 2] + x.dtype.type(error))


def _with_middle(x: Array, value: object) -> Array:
    changed = x.reshape(-1).copy()
    changed[x.size // 2 : x.size // 2 + 1] = value
    return changed.reshape(x.shape)


CORRUPTIONS: dict[str, Corrupt] = {
    "shuffled": shuffled,
    "zeroed": zeroed,
    "one NaN": one_nan,
    "wrong shape": wrong_shape,
    "1 % off": one_per_cent_off,
    "one element wrong": one_element_wrong,
}


def changes(corrupt: Corrupt, x: Array) -> bool:
    """Tell whether a corruption changes an array: zeros stay zeros, one number keeps its order."""
    corrupted = corrupt(x)
    if corrupted.shape != x.shape:
        return True
    return not np.array_equal(corrupted, x, equal_nan=is_float(x))
