"""The smallest input on which a finding is still made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from parity.base.numerics import Array

_TRIES = 40


def shrunk(
    inputs: Mapping[str, Array], still: Callable[[Mapping[str, Array]], bool]
) -> dict[str, Array]:
    """Cut axes down while `still(inputs)` holds, greedily, with a bounded number of tries."""
    found = dict(inputs)
    tries = 0
    cut = True
    while cut and tries < _TRIES:
        cut = False
        for smaller in _smaller(found):
            tries += 1
            if still(smaller):
                found, cut = smaller, True
                break
            if tries >= _TRIES:
                break
    return found


def _smaller(inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Give inputs with one length cut: first wherever it occurs, then in one array alone."""
    lengths = sorted({n for a in inputs.values() for n in a.shape if n > 1}, reverse=True)
    for length in lengths:
        for part in _parts(length):
            yield {name: _cut(array, length, part) for name, array in inputs.items()}
    if len(inputs) > 1:
        for name, array in inputs.items():
            for length in sorted({n for n in array.shape if n > 1}, reverse=True):
                for part in _parts(length):
                    yield {**inputs, name: _cut(array, length, part)}


def _parts(length: int) -> Iterator[slice]:
    if length <= 12:
        yield from (slice(i, i + 1) for i in range(length))
    half = length // 2
    if half > 1:
        yield from (slice(0, half), slice(half, length))
    if length > 2:
        yield slice(0, length - 1)


def _cut(array: Array, length: int, part: slice) -> Array:
    at = tuple(part if n == length else slice(None) for n in array.shape)
    return np.ascontiguousarray(array[at])
