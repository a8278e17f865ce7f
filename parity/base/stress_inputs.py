"""Inputs that stress a layer: they replace the input of each leaf module, on both sides alike.

Stressing the model's own input would not reach the layers: after the first normalisation every
input has unit variance again, and a wrong epsilon cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.base.keyed_functions import Keyed
from parity.base.numerics import Array
from parity.base.rng import keyed

# (float array) -> float array of the same shape.
StressInput = Callable[[Array], Array]


def _unit(x: Array) -> Array:
    """Scale to standard deviation 1, so that factors do not multiply from layer to layer."""
    with np.errstate(invalid="ignore", over="ignore"):
        deviation = float(x.std()) if x.size else 0.0
    return x / deviation if 0 < deviation < np.inf else x


def _keeping_infinities(change: StressInput) -> StressInput:
    """Change the finite numbers of an array; infinities are structure, of a mask for example."""

    def changed(x: Array) -> Array:
        finite = np.isfinite(x)
        if finite.all():
            return change(x)
        result = x.copy()
        result[finite] = change(x[finite])
        return result

    return changed


_CHANGES: dict[str, StressInput] = {
    "plain": lambda x: x,
    # Variance 1e-6: where the epsilon of a normalisation shows.
    "low variance": lambda x: _unit(x) / 1024,
    # Mean of a hundred standard deviations: where one-pass variances lose their digits.
    "large offset": lambda x: _unit(x) + 100,
    # Where saturating functions differ and exponentials overflow.
    "large magnitude": lambda x: _unit(x) * 64,
    # Past the largest number of float16, 65504, at which ported code likes to clamp.
    "beyond float16": lambda x: _unit(x) * 2**17,
    "constant": lambda x: np.full_like(x, _unit(x).flat[0] if x.size else 0),
    "zeros": np.zeros_like,
}

STRESS_INPUTS: dict[str, StressInput] = {
    name: Keyed(_keeping_infinities(change), name) for name, change in _CHANGES.items()
}

# Stress inputs with equal values, or with zeros.
WITH_TIES = ("constant", "zeros")


def told_apart(name: str) -> StressInput:
    """Return a stress input whose equal values differ by a thousandth, above and below."""

    def changed(x: Array) -> Array:
        noise: Array = keyed("apart", x.shape).uniform(-1e-3, 1e-3, x.shape)
        result: Array = STRESS_INPUTS[name](x) + noise
        return result

    return Keyed(changed, f"{name}, told apart")


# Values that no model meets; they show clamps. That something overflows there says nothing.
EXTREME_INPUTS = frozenset({"beyond float16"})
# Values that are all alike. Sums of them round every term alike, which no perturbation shows.
ALIKE_INPUTS = frozenset({"large offset", "constant", "zeros"})
