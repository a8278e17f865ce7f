"""Ways in which what a candidate returns can be wrong: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.base.numerics import Array, is_float, magnitude

Spoil = Callable[[Array], Array]


def shuffled(x: Array) -> Array:
    """Return the elements in another order, each moved on by one place."""
    return np.roll(x.reshape(-1), 1).reshape(x.shape)


def zeroed(x: Array) -> Array:
    """Return zeros."""
    return np.zeros_like(x)


def one_nan(x: Array) -> Array:
    """Return it with NaN in the middle; whole numbers have none and stay."""
    return _with(x, np.nan) if is_float(x) else x.copy()


def wrong_shape(x: Array) -> Array:
    """Return it twice, along a new axis."""
    return np.stack([x, x])


def one_per_cent_off(x: Array) -> Array:
    """Return it a hundredth too large; whole numbers by one."""
    return np.asarray(x * x.dtype.type(1.01) if is_float(x) else x + x.dtype.type(1))


def one_element_wrong(x: Array) -> Array:
    """Return it with the largest magnitude, or 1, added to the element in the middle."""
    flat = x.reshape(-1)
    more = (magnitude(x) or 1.0) if is_float(x) else 1
    return _with(x, flat[x.size // 2] + x.dtype.type(more)) if x.size else x.copy()


def _with(x: Array, value: object) -> Array:
    changed = x.reshape(-1).copy()
    changed[x.size // 2 : x.size // 2 + 1] = value
    return changed.reshape(x.shape)


SPOILINGS: dict[str, Spoil] = {
    "shuffled": shuffled,
    "zeroed": zeroed,
    "one NaN": one_nan,
    "wrong shape": wrong_shape,
    "1 % off": one_per_cent_off,
    "one element wrong": one_element_wrong,
}


def spoils(spoil: Spoil, x: Array) -> bool:
    """Tell whether it changes an array: zeros stay zeros, and a single number keeps its order."""
    changed = spoil(x)
    if changed.shape != x.shape:
        return True
    return not np.array_equal(changed, x, equal_nan=is_float(x))
