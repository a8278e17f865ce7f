"""The differences between two runs, and whether rounding explains them.

A whole run has a rule of its own. `parity` limits a difference to K times the rounding noise, which
it measures by repeating each layer with inputs perturbed by one ulp; to repeat a whole training and
sampling that often would take too long. What both rules share is the ratio of the two precisions: a
difference that is rounding shrinks by about 2^29 when the same runs are made in float64, a
difference of meaning does not shrink. A run's difference is called rounding if it shrinks by more
than the geometric mean of the two, 2^14.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from parity.limits import FLOAT32_EPSILON, PRECISION_RATIO

# The least factor by which float64 must shrink a difference that is rounding: 2^14.5.
SHRINKAGE = PRECISION_RATIO**-0.5
# What a gradient that is zero in exact arithmetic may be in float64, relative to the gradients of
# its module: as far below float32's epsilon as above float64's. Measured on the three presets, such
# gradients lie at 1e-17 to 4e-16 and all others above 1e-2.
ZERO_GRADIENT = FLOAT32_EPSILON / SHRINKAGE


@dataclass(frozen=True)
class Discrepancy:
    """The difference of both runs in one quantity, in both precisions.

    Attributes:
        quantity: what is compared.
        float32, float64: largest difference, relative to the largest value.
    """

    quantity: str
    float32: float
    float64: float

    @property
    def is_rounding(self) -> bool:
        """Whether the difference shrinks with the precision; NaN does not."""
        return self.float64 <= max(self.float32, FLOAT32_EPSILON) / SHRINKAGE

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready values."""
        return {**asdict(self), "is_rounding": bool(self.is_rounding)}


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
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


def largest_difference(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], names: Iterable[str]
) -> float:
    """Return the largest `relative_difference` of the named arrays, NaN where none is named.

    Raises:
        ValueError: the names of the two sides or their shapes differ.
    """
    if a.keys() != b.keys():
        raise ValueError(f"names differ: {sorted(a.keys() ^ b.keys())}")
    return float(np.max([relative_difference(a[name], b[name]) for name in names] or [np.nan]))


@dataclass(frozen=True, kw_only=True)
class GradientCoverage:
    """The parameters of a training, by what the training says about them.

    Attributes:
        compared: had a gradient in one of the runs at least.
        zero_gradient: the gradient is zero in exact arithmetic, as that of a bias of the keys under
            a softmax. What rounding leaves of it, Adam scales up to full steps in a random
            direction, without effect on the model: such a parameter says nothing about agreement.
        no_gradient: no gradient reached the parameter's module; more steps are needed.
    """

    compared: list[str]
    zero_gradient: list[str]
    no_gradient: list[str]

    @property
    def is_complete(self) -> bool:
        """Whether something was compared, and every parameter had a gradient or cannot have one."""
        return bool(self.compared) and not self.no_gradient


def gradient_coverage(runs: Sequence[Mapping[str, np.ndarray]]) -> GradientCoverage:
    """Sort parameters by their gradients in the same training on both sides in float64.

    A gradient is zero in exact arithmetic if on every side its root mean square is below
    `ZERO_GRADIENT` of the largest in its module: no digit of it is more than float64's rounding.

    Args:
        runs: for each side, parameter name -> Adam's second moment.
    """
    sides = [_relative_sizes(moments) for moments in runs]
    found: dict[str, list[str]] = {"compared": [], "zero_gradient": [], "no_gradient": []}
    for name in runs[0]:
        sizes = [side[name] for side in sides]
        if all(size is None for size in sizes):
            found["no_gradient"].append(name)
        elif all(size is not None and size <= ZERO_GRADIENT for size in sizes):
            found["zero_gradient"].append(name)
        else:
            found["compared"].append(name)
    return GradientCoverage(**found)


def _relative_sizes(exp_avg_sq: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Return each gradient relative to the largest in its module; None where that is 0."""
    sizes = {name: float(np.sqrt(moment.max())) for name, moment in exp_avg_sq.items()}
    largest: dict[str, float] = {}
    for name, size in sizes.items():
        module = name.rpartition(".")[0]
        largest[module] = float(np.fmax(largest.get(module, 0.0), size))
    return {
        name: size / module_size if (module_size := largest[name.rpartition(".")[0]]) else None
        for name, size in sizes.items()
    }


@dataclass(frozen=True)
class PixelAgreement:
    """The agreement of two sets of images after quantisation to 8 bits.

    Attributes:
        equal: share of equal pixels.
        within_one: share of pixels that differ by at most 1 of 255.
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
