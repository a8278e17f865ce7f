"""Random numbers by key, and cotangents drawn from them.

The key alone decides the numbers: the same key gives the same bits in any order and any process.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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


def draw_cotangent(shape: tuple[int, ...], *key: object) -> Array:
    """Draw int8 numbers of a shape, by key; `cotangent` makes a cotangent of them."""
    draw: Array = random_bytes(int(np.prod(shape)), "cotangent", *key).view(np.int8)
    return draw.reshape(shape)


def draw_cotangent_of(array: Array, *key: object) -> Array:
    """Draw the numbers of an array's cotangent, by key: two for each complex number."""
    parts = (2,) if array.dtype.kind == "c" else ()
    return draw_cotangent((*array.shape, *parts), *key)


def cotangent_of(array: Array, draw: Array) -> Array:
    """Return the cotangent of an array, complex64 if the array is complex, or else float32.

    Args:
        array: whose gradient is wanted.
        draw: of `draw_cotangent_of` for an array of the same size.
    """
    weights = cotangent(draw.reshape(-1))
    if array.dtype.kind == "c":
        weights = weights.view(np.complex64)
    return weights.reshape(array.shape)


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
