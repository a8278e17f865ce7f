"""Random numbers by key, one-ulp perturbations, and cotangents.

The key alone decides the numbers: the same key gives the same bits in any order and any process.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision

# (array, its name) -> a perturbed copy.
Perturbation = Callable[[Array, str], Array]
# (result of an operation) -> the result, perturbed.
PerturbResult = Callable[[Array], Array]

# Signs that are drawn for one key; larger arrays repeat them. As many as a layer has weights, and
# drawn in a millisecond.
SIGNS = 2**20


def keyed(*key: object) -> np.random.Generator:
    """Return a Philox generator whose numbers depend on the key alone."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(_digest(key), "little")))


def random_bytes(size: int, *key: object) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return uint8 numbers of shape (size,) that depend on the key alone.

    Many times faster to start than `keyed`, because one generator is reused.
    """
    start = {"counter": np.zeros(4, np.uint64), "key": np.frombuffer(_digest(key), np.uint64)}
    rest = {"buffer": np.zeros(4, np.uint64), "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}
    _REUSED.bit_generator.state = {"bit_generator": "Philox", "state": start, **rest}
    return np.frombuffer(_REUSED.bytes(size), np.uint8)


_REUSED = np.random.Generator(np.random.Philox(0))


def _digest(key: tuple[object, ...]) -> bytes:
    return hashlib.blake2b(repr(key).encode(), digest_size=16).digest()


def perturb_one_ulp(array: Array, precision: Precision, name: str, *key: object) -> Array:
    """Return a copy in a precision, every element moved by one ulp, up or down at random.

    Zeros stay zero because they are structure: of a ReLU, a mask, an initial state. So do
    infinities and NaN.

    Args:
        array: of any shape; what is not real floats is returned as it is.
        precision: dtype of the result, whose ulp is meant.
        name: of the array; two arrays of one name are perturbed alike.
        key: of the random numbers.
    """
    if array.dtype.kind != "f":
        return array
    perturbed = np.array(array, precision, order="C")
    flat = perturbed.reshape(-1)
    signs = _random_signs(key, name, flat.size)
    with np.errstate(over="ignore", invalid="ignore"):
        if not (flat.all() and np.isfinite(flat.sum())):
            signs = signs * (np.isfinite(flat) & (flat != 0))
    # The bits of neighbouring floats, read as integers, differ by one.
    integers: Any = flat.view(np.int32 if precision == "float32" else np.int64)
    integers += signs
    return perturbed


def _random_signs(key: tuple[object, ...], name: str, size: int) -> Array:
    """Return int8 numbers, 1 or -1, of shape (size,): those of a key, from a start by name."""
    signs = _sign_pool(key)
    start = zlib.crc32(name.encode()) % signs.size
    if start + size <= signs.size:
        return signs[start : start + size]
    return np.resize(np.roll(signs, -start), size)


@lru_cache(maxsize=8)
def _sign_pool(key: tuple[object, ...]) -> Array:
    signs: Array = np.unpackbits(random_bytes(SIGNS // 8, "coins", *key)).view(np.int8)
    signs *= 2
    signs -= 1
    return signs


def draw_cotangent(shape: tuple[int, ...], *key: object) -> Array:
    """Draw int8 numbers of a shape, by key; `cotangent` makes a cotangent of them."""
    draw: Array = random_bytes(int(np.prod(shape)), "cotangent", *key).view(np.int8)
    return draw.reshape(shape)


def cotangent(draw: Array) -> Array:
    """Return the float32 cotangent of a draw, of the same shape.

    Its numbers are odd multiples of 1/128 between -2 and 2 with standard deviation 1.15, so they
    are the same in every precision and never 0.
    """
    # In place, because NumPy would return a scalar for a zero-dimensional array.
    weights: Array = draw.astype(np.float32)
    weights += 0.5
    weights /= 64
    return weights
