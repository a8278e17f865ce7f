"""Rounding in float64 that one-ulp perturbations do not show, told from faults by its roughness.

A formula may cancel in float64 as well (a one-pass variance far from zero), and a kernel may add up
thousands of equal terms one by one. One-ulp perturbations of inputs do not always change how such
sums are rounded: they average out, or move every term by less than the partial sum's ulp. So both
sides are given the same inputs and weights again, each multiplied by its own factor of 1 + 2^-30 at
most. What a fault adds is a smooth function of the inputs and hardly changes. What rounding adds is
drawn anew. A common factor leaves equal numbers equal, zeros zero and ties tied, so both sides take
the same branches as before.
"""

from __future__ import annotations

from collections.abc import Collection
from statistics import median

import numpy as np

from parity.base.keyed_functions import Keyed
from parity.base.numerics import Array, distance, finite, is_float
from parity.base.perturbation import Perturbation
from parity.base.rng import keyed
from parity.errors import CannotCompare, NotRecorded
from parity.noise.side_runner import SideRunner, Values
from parity.trace.sites import TensorSite

# Sums of up to 2^22 terms are rounded anew by it, and a fault's size changes by less than 2^-30
# times the condition of the model.
LARGEST_CHANGE = 2.0**-30
# The median of five: an odd number, so that neither one unlucky draw nor one outlier decides.
DRAWS = 5


def rescaled(seed: int, number: int) -> Perturbation:
    """Return the `number`-th perturbation that multiplies each array by a factor of its own.

    The factor depends on the array's name, so both sides' arrays are changed alike; the result is
    float64.
    """

    def perturb(array: Array, name: str) -> Array:
        if not is_float(array):
            return array
        generator = keyed(seed, "rescale", number, name)
        change = generator.uniform(0.5, 1.0) * generator.choice((-1.0, 1.0)) * LARGEST_CHANGE
        dtype = np.complex128 if array.dtype.kind == "c" else np.float64
        result: Array = np.asarray(array.astype(dtype) * (1.0 + change))
        return result

    return Keyed(perturb, f"rescaled {seed} {number}")


def rescalings(seed: int) -> list[Perturbation]:
    """Return the perturbations under which roughness is measured."""
    return [rescaled(seed, number) for number in range(DRAWS)]


def rough_differences(
    reference: SideRunner, candidate: SideRunner, sites: Collection[TensorSite], seed: int
) -> dict[TensorSite, float]:
    """Return, for each site, by how much the difference of the two sides is drawn anew.

    Args:
        reference: the one side.
        candidate: the other.
        sites: of tensors that both sides have, of equal sizes.
        seed: of the factors.

    Returns:
        The median over the draws of the largest change of an element's difference. Empty where a
        side raises for changed inputs: nothing is known then.
    """
    unchanged = _differences(reference.values("float64"), candidate.values("float64"), sites)
    changes: dict[TensorSite, list[float]] = {site: [] for site in unchanged}
    for perturbation in rescalings(seed):
        try:
            values = reference.perturbed(perturbation), candidate.perturbed(perturbation)
        except NotRecorded:
            raise
        except CannotCompare:
            return {}
        for site, difference in _differences(*values, sites).items():
            if site in unchanged and difference.shape == unchanged[site].shape:
                changes[site].append(finite(distance(difference, unchanged[site])))
    return {site: median(drawn) for site, drawn in changes.items() if len(drawn) == DRAWS}


def _differences(
    reference: Values, candidate: Values, sites: Collection[TensorSite]
) -> dict[TensorSite, Array]:
    differences = {}
    for site in sites:
        expected, actual = reference.get(site), candidate.get(site)
        if expected is not None and actual is not None and expected.size == actual.size:
            with np.errstate(invalid="ignore", over="ignore"):
                differences[site] = actual.reshape(expected.shape) - expected
    return differences
