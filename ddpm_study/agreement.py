"""How far two runs lie apart, and whether rounding explains it.

The rule needs no typed tolerance. A gap that is rounding shrinks by 2^29, the ratio of the two unit
roundoffs, when the same runs are made in float64; a gap that is a difference of meaning stays what
it was. Anything below the geometric middle, 2^-14.5, is called rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

SHRINKAGE = float(np.finfo(np.float64).eps / np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Discrepancy:
    """One quantity of both runs, compared in both precisions.

    Attributes:
        quantity: what was compared.
        float32, float64: largest difference, relative to the largest value.
    """

    quantity: str
    float32: float
    float64: float

    @property
    def is_rounding(self) -> bool:
        """Whether the gap shrinks with the precision; NaN does not."""
        return self.float64 <= max(self.float32, np.finfo(np.float32).eps) * SHRINKAGE**0.5

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready values."""
        return {**asdict(self), "is_rounding": bool(self.is_rounding)}


def relative_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Return max |a - b| / max |a|, NaN if either holds NaN; shapes must match.

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"shapes differ: {a.shape} and {b.shape}")
    difference = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max(initial=0)
    if difference == 0:
        return 0.0
    return float(difference / np.abs(a).max())


def parameters_with_gradient(exp_avg_sq: Mapping[str, np.ndarray]) -> list[str]:
    """Return the names of the parameters that have a gradient, from Adam's float64 second moments.

    Some gradients are zero in exact arithmetic (a bias of the keys under a softmax). What rounding
    leaves of them, Adam scales up to full steps in a random direction, without effect on the
    function; such a parameter says nothing about agreement. Zero is a root mean square below
    2^-26, the root of float64's epsilon, of the largest.
    """
    sizes = {name: float(np.sqrt(moment.max())) for name, moment in exp_avg_sq.items()}
    floor = max(sizes.values()) * float(np.finfo(np.float64).eps) ** 0.5
    return [name for name, size in sizes.items() if size > floor]


def largest_gap(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], names: Iterable[str]
) -> float:
    """Return the largest `relative_gap` over the arrays of some names.

    Raises:
        ValueError: the names of the two sides or their shapes differ.
    """
    if a.keys() != b.keys():
        raise ValueError(f"names differ: {sorted(a.keys() ^ b.keys())}")
    return float(np.max([relative_gap(a[name], b[name]) for name in names]))


@dataclass(frozen=True)
class PixelAgreement:
    """How far two sets of images agree after quantisation to 8 bits.

    Attributes:
        equal: share of equal pixels.
        within_one: share of pixels that differ by 1 of 255 at most.
        largest: largest difference, in steps of 1/255.
    """

    equal: float
    within_one: float
    largest: int


def pixel_agreement(a: np.ndarray, b: np.ndarray) -> PixelAgreement:
    """Compare 8-bit images of the same shape."""
    difference = np.abs(a.astype(int) - b.astype(int))
    return PixelAgreement(
        equal=float((difference == 0).mean()),
        within_one=float((difference <= 1).mean()),
        largest=int(difference.max(initial=0)),
    )
