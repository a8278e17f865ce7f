"""What rounding looks like: random numbers by key, one-ulp shifts, and the probes.

A probe changes what arrives at each leaf module, on both sides alike. The model's own input could
not do it: behind the first normalisation every input has unit variance again, and then a wrong
epsilon is invisible.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from parity.framework import Array, Precision

Probe = Callable[[Array], Array]


def keyed(*key: object) -> np.random.Generator:
    """Return a Philox generator that depends on the key alone, not on order or process."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def is_float(array: Array) -> bool:
    """Tell whether an array holds real or complex floating-point numbers."""
    return array.dtype.kind in "fc"


def shifted(array: Array, precision: Precision, *key: object) -> Array:
    """Move every element by one ulp of a precision, up or down at random; zeros stay zero.

    Zeros stay because they are structure: a ReLU's, a mask's, an initial state's.
    """
    if array.dtype.kind != "f":
        return array
    start = array.astype(precision)
    up = keyed(*key).random(array.shape, np.float32) < 0.5
    moved = np.nextafter(start, np.where(up, np.inf, -np.inf).astype(precision))
    result: Array = np.where(start == 0, start, moved)
    return result


def rounded(array: Array) -> Array:
    """Round floats to float32's values, dtype kept, so that both precisions start equal."""
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # an overflow becomes infinite and is judged as such
        result: Array = array.astype(np.float32).astype(array.dtype)
    return result


def _unit(x: Array) -> Array:
    """Scale to standard deviation 1, so that probes do not pile up from layer to layer."""
    spread = float(x.std()) if x.size else 0.0
    return x / spread if 0 < spread < np.inf else x


PROBES: dict[str, Probe] = {
    "plain": lambda x: x,
    # Variance 1e-6: where the epsilon of a normalisation shows.
    "low variance": lambda x: _unit(x) / 1024,
    # Mean a hundred standard deviations off: where one-pass variances lose their digits.
    "large offset": lambda x: _unit(x) + 100,
    # Where saturating functions part and exponentials overflow.
    "large magnitude": lambda x: _unit(x) * 64,
    "constant": lambda x: np.full_like(x, _unit(x).flat[0] if x.size else 0),
    "zeros": np.zeros_like,
}


def distance(a: Array, b: Array) -> float:
    """Return the largest absolute difference, 0 for empty arrays; NaN where either has one.

    Raises:
        ValueError: the shapes differ; nothing is ever broadcast.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes {a.shape} and {b.shape} differ")
    if a.size == 0:
        return 0.0
    wide: Any = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.max(np.abs(a.astype(wide) - b.astype(wide))))


def magnitude(a: Array) -> float:
    """Return the largest absolute value, 0 for an empty array."""
    return distance(a, np.zeros_like(a))
