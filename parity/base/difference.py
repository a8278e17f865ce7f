"""The places of a tensor at which two arrays differ: one channel, one row, the border, everywhere.

Everything is counted, nothing is guessed. It is computed for tensors that do not pass alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from parity.base.numerics import Array, same_not_finite

# Largest number of parts of an axis for which a share is kept.
PARTS = 16
# Axes of images and volumes that a border may run around.
_MOST_AXES = 3
# Share of a border that must differ for it to be named, and of an axis that a border may take up.
_FILLED = 0.5
_WIDEST = 4  # one over it


@dataclass(frozen=True)
class AxisShare:
    """The indices of one axis at which elements differ.

    Attributes:
        first, last: the smallest and the largest of them.
        count: how many there are.
        step: from each to the next; 0 where it varies, 1 if there is only one.
        profile: share of the elements that differ, for each index, or for each of 16 parts of a
            longer axis.
    """

    first: int
    last: int
    count: int
    step: int
    profile: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """The places of a tensor at which its two sides differ by more than the limit.

    Attributes:
        shape: of the reference's tensor.
        count: number of elements that differ.
        index: of the largest difference, or of the first element that is not finite on one side.
        values: the reference's and the candidate's element there; None for complex numbers.
        axes: for each axis, where along it.
        border: widths as `numpy.pad` takes them, if the elements lie in a border around several
            axes, or at both ends of one; None otherwise.
    """

    shape: tuple[int, ...]
    count: int
    index: tuple[int, ...]
    values: tuple[float, float] | None
    axes: tuple[AxisShare, ...]
    border: tuple[tuple[int, int], ...] | None = None

    @property
    def size(self) -> int:
        """Number of elements of the tensor."""
        return math.prod(self.shape)


def difference_of(expected: Array, actual: Array, limit: float) -> Difference | None:
    """Describe where two arrays differ; None if they nowhere do.

    Args:
        expected: the reference's.
        actual: the candidate's, of the same size.
        limit: the largest absolute difference that does not count.

    Returns:
        Where they differ; None too for texts, which have no size of a difference.
    """
    if not {expected.dtype.kind, actual.dtype.kind} <= set("biufc"):
        return None
    actual = actual.reshape(expected.shape)
    wide = np.complex128 if "c" in (expected.dtype.kind, actual.dtype.kind) else np.float64
    with np.errstate(invalid="ignore", over="ignore"):
        distances = np.asarray(np.abs(actual.astype(wide) - expected.astype(wide)))
    distances[np.isnan(distances)] = np.inf
    distances[same_not_finite(expected, actual)] = 0
    differs = distances > limit
    count = int(np.count_nonzero(differs))
    if not count:
        return None
    index = tuple(int(i) for i in np.unravel_index(np.argmax(distances), expected.shape))
    values = None if wide is np.complex128 else (float(expected[index]), float(actual[index]))
    axes = tuple(_along(differs, axis) for axis in range(differs.ndim))
    border = _border(differs, axes)
    return Difference(expected.shape, count, index, values, axes, border)


def _along(differs: Array, axis: int) -> AxisShare:
    others = tuple(i for i in range(differs.ndim) if i != axis)
    shares = differs.mean(others) if others else differs.astype(np.float64)
    found = np.flatnonzero(shares)
    steps = set(np.diff(found).tolist())
    parts = np.array_split(shares, min(PARTS, len(shares)))
    return AxisShare(
        int(found[0]),
        int(found[-1]),
        len(found),
        steps.pop() if len(steps) == 1 else int(not steps),
        tuple(float(f"{part.mean():.3g}") for part in parts),
    )


def _border(differs: Array, axes: tuple[AxisShare, ...]) -> tuple[tuple[int, int], ...] | None:
    """Return the widths of the border in which all elements lie, around as few axes as possible."""
    for around in _neighbouring(differs.shape):
        others = tuple(i for i in range(differs.ndim) if i not in around)
        widths = _widths(differs.any(others) if others else differs)
        faces = sum(width > 0 for pair in widths for width in pair)
        # One face is told by its axis.
        if faces > 1:
            return tuple(
                widths[around.index(axis)] if axis in around else (0, 0)
                for axis in range(differs.ndim)
            )
    return None


def _neighbouring(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the axes that a border may run around: neighbours, the last ones first."""
    for number in range(1, _MOST_AXES + 1):
        for first in range(len(shape) - number, -1, -1):
            around = tuple(range(first, first + number))
            if all(shape[axis] > 2 for axis in around):
                yield around


def _widths(differs: Array) -> list[tuple[int, int]]:
    """Return the widths of the border that holds all that differs; 0 everywhere if none does.

    Args:
        differs: along the axes in question alone, at least one of its elements.
    """
    none = [(0, 0)] * differs.ndim
    places = np.argwhere(differs)
    depths = np.stack([places, np.array(differs.shape) - 1 - places], axis=-1)
    width = int(depths.min((1, 2)).max()) + 1
    if any(width > max(1, n // _WIDEST) for n in differs.shape):
        return none
    inside = depths < width
    faces = np.ones((differs.ndim, 2), bool)
    for axis, end in np.ndindex(*faces.shape):
        faces[axis, end] = False
        if not (inside & faces).any((1, 2)).all():
            faces[axis, end] = True
    widths = [(width * int(low), width * int(high)) for low, high in faces]
    interior = tuple(slice(a, n - b) for (a, b), n in zip(widths, differs.shape, strict=True))
    border = np.ones(differs.shape, bool)
    border[interior] = False
    return widths if differs[border].mean() >= _FILLED else none
