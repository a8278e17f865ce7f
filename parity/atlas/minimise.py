"""Reduces inputs to the smallest ones on which a finding still occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from parity.base.numerics import Array

_MAXIMUM_TRIALS = 40


def minimise_inputs(
    inputs: Mapping[str, Array], reproduces: Callable[[Mapping[str, Array]], bool]
) -> dict[str, Array]:
    """Cut axes greedily while `reproduces(inputs)` holds, with a bounded number of trials."""
    smallest = dict(inputs)
    trials = 0
    reduced = True
    while reduced and trials < _MAXIMUM_TRIALS:
        reduced = False
        for smaller in _smaller(smallest):
            trials += 1
            if reproduces(smaller):
                smallest, reduced = smaller, True
                break
            if trials >= _MAXIMUM_TRIALS:
                break
    return smallest


def _smaller(inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Give inputs with one length cut: first in every array that has it, then in one array."""
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
