"""Weights of a candidate as functions of the reference's, for `Pair(weights=…)`.

A port may fuse query, key and value into one layer, keep a matrix transposed, or split what was one
tensor. Each function takes paths of the reference's parameters, or further functions of them:

    Pair(..., weights={"attention.qkv.weight": concat("q.weight", "k.weight", "v.weight")})

All of them only move elements. Every element of each reference parameter that is mentioned must be
used exactly once, which is checked; so gradients are compared through the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.base.numerics import Array

# (path) -> the reference's array.
Lookup = Callable[[str], Array]


@dataclass(frozen=True)
class Moved:
    """A function of reference parameters that moves elements.

    Attributes:
        function: (arrays of the parts) -> array.
        parts: paths of the reference's parameters, or further functions of them.
    """

    function: Callable[..., Array]
    parts: tuple[Weight, ...]

    def evaluate(self, lookup: Lookup) -> Array:
        """Return the array, given those of the reference."""
        return self.function(*(evaluate(part, lookup) for part in self.parts))


# A path of a reference parameter, or a function of some.
Weight = str | Moved


def evaluate(weight: Weight, lookup: Lookup) -> Array:
    """Return the array that a weight stands for."""
    return lookup(weight) if isinstance(weight, str) else weight.evaluate(lookup)


def paths_of(weight: Weight) -> list[str]:
    """Return the paths of the reference's parameters that a weight is made of."""
    if isinstance(weight, str):
        return [weight]
    return [path for part in weight.parts for path in paths_of(part)]


def concat(*parts: Weight, axis: int = 0) -> Moved:
    """Join weights along an axis: the layout [Q, K, V] of fused attention for example."""
    return Moved(lambda *arrays: np.concatenate(arrays, axis), parts)


def split(part: Weight, index: int, parts: int, axis: int = 0) -> Moved:
    """Take one of several equal parts of a weight along an axis; the other way round of `concat`.

    Args:
        part: the weight.
        index: of the part, from 0.
        parts: how many there are.
        axis: along which it is cut.
    """
    return Moved(lambda array: np.split(array, parts, axis)[index], (part,))


def transpose(part: Weight) -> Moved:
    """Swap the first two axes: a linear layer that is stored the other way, or a convolution."""
    return Moved(lambda array: array.swapaxes(0, 1), (part,))


def permute(part: Weight, axes: Sequence[int]) -> Moved:
    """Put the axes into another order, as `numpy.transpose` does."""
    return Moved(lambda array: array.transpose(axes), (part,))


def reshape(part: Weight, *shape: int) -> Moved:
    """Give a weight another shape, elements in C order."""
    return Moved(lambda array: array.reshape(shape), (part,))


def by_head(*parts: Weight, heads: int) -> Moved:
    """Join weights head by head along the first axis: q, k, v of head 0, then of head 1, and so on.

    Args:
        parts: of shape (heads * d, ...), or vectors of heads * d.
        heads: number of heads.
    """

    def join(*arrays: Array) -> Array:
        grouped = [array.reshape(heads, -1, *array.shape[1:]) for array in arrays]
        return np.concatenate(grouped, 1).reshape(-1, *arrays[0].shape[1:])

    return Moved(join, parts)


def interleave(*parts: Weight) -> Moved:
    """Join weights row by row along the first axis: row 0 of each, then row 1 of each."""

    def join(*arrays: Array) -> Array:
        stacked: Any = np.stack(arrays, 1)
        return np.asarray(stacked.reshape(-1, *arrays[0].shape[1:]))

    return Moved(join, parts)
