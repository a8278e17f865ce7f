"""Random numbers by key, one-ulp perturbations, and cotangents.

A key decides the numbers: the same key gives the same bits in any order and any process.
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


def perturb_one_ulp(array: Array, precision: Precision, name: str, *key: object) -> Array:
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
    coins = _random_signs(key, name, flat.size)
    with np.errstate(over="ignore", invalid="ignore"):
        if not (flat.all() and np.isfinite(flat.sum())):
            coins = coins * (np.isfinite(flat) & (flat != 0))
    # The neighbours of a float are those of the whole number that its bits are.
    whole: Any = flat.view(np.int32 if precision == "float32" else np.int64)
    whole += coins
    return moved


def _random_signs(key: tuple[object, ...], name: str, size: int) -> Array:
    """Return so many numbers that are 1 or -1, int8, from where the name says in those of a key."""
    tossed = _sign_pool(key)
    start = zlib.crc32(name.encode()) % tossed.size
    if start + size <= tossed.size:
        return tossed[start : start + size]
    return np.resize(np.roll(tossed, -start), size)


@lru_cache(maxsize=8)
def _sign_pool(key: tuple[object, ...]) -> Array:
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
