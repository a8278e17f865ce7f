"""What rounding looks like: random numbers by key, one-ulp shifts, and the probes.

A probe changes what arrives at each leaf module, on both sides alike. The model's own input could
not do it: behind the first normalisation every input has unit variance again, and then a wrong
epsilon is invisible.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from parity.framework import Array, Precision

Probe = Callable[[Array], Array]


def keyed(*key: object) -> np.random.Generator:
    """Return a Philox generator that depends on the key alone, not on order or process."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def random_bytes(size: int, *key: object) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return bytes that depend on the key alone; many times faster to start than `keyed`."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
    start = {"counter": np.zeros(4, np.uint64), "key": np.frombuffer(digest, np.uint64)}
    rest = {"buffer": np.zeros(4, np.uint64), "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}
    _REUSED.bit_generator.state = {"bit_generator": "Philox", "state": start, **rest}
    return np.frombuffer(_REUSED.bytes(size), np.uint8)


_REUSED = np.random.Generator(np.random.Philox(0))


def is_float(array: Array) -> bool:
    """Tell whether an array holds real or complex floating-point numbers."""
    return array.dtype.kind in "fc"


def shifted(array: Array, precision: Precision, name: str, *key: object) -> Array:
    """Return floats in a precision, every element moved by one ulp, up or down at random.

    Zeros stay zero because they are structure: a ReLU's, a mask's, an initial state's.

    Args:
        array: any; what is not real floats is returned as it is.
        precision: of the result.
        name: of the array; two of one name are moved alike.
        key: of the random numbers.
    """
    if array.dtype.kind != "f":
        return array
    moved = np.array(array, precision, order="C")
    flat = moved.reshape(-1)
    coins = _coins(key, name, flat.size)
    with np.errstate(over="ignore", invalid="ignore"):
        if not (flat.all() and np.isfinite(flat.sum())):
            coins = coins * (np.isfinite(flat) & (flat != 0))
    # The neighbours of a float are those of the whole number that its bits are.
    whole: Any = flat.view(np.int32 if precision == "float32" else np.int64)
    whole += coins
    return moved


def _coins(key: tuple[object, ...], name: str, size: int) -> Array:
    """Return so many numbers that are 1 or -1, int8, from where the name says in those of a key."""
    tossed = _tossed(key)
    start = zlib.crc32(name.encode()) % tossed.size
    if start + size <= tossed.size:
        return tossed[start : start + size]
    return np.resize(np.roll(tossed, -start), size)


@lru_cache(maxsize=8)
def _tossed(key: tuple[object, ...]) -> Array:
    # As many as a layer has weights, and tossed in a millisecond; larger arrays repeat them.
    tossed: Array = np.unpackbits(random_bytes(2**17, "coins", *key)).view(np.int8)
    tossed *= 2
    tossed -= 1
    return tossed


def draw_cotangent(shape: tuple[int, ...], *key: object) -> Array:
    """Draw a tensor's fixed weights in the sum that is differentiated, as int8; see `cotangent`."""
    drawn: Array = random_bytes(int(np.prod(shape)), "cotangent", *key).view(np.int8)
    return drawn.reshape(shape)


def cotangent(drawn: Array) -> Array:
    """Return drawn weights as float32.

    Multiples of 1/128 between -2 and 2, never 0, standard deviation 1.15: the same numbers in every
    precision.
    """
    # NumPy makes a number of a zero-dimensional array unless it is told where to put it.
    weights: Array = drawn.astype(np.float32)
    weights += 0.5
    weights /= 64
    return weights


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


def _unit(x: Array) -> Array:
    """Scale to standard deviation 1, so that probes do not pile up from layer to layer."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is judged as such
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
    # Past float16's largest number, 65504, at which ported code likes to clamp.
    "beyond float16": lambda x: _unit(x) * 2**17,
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
