"""Inputs that stress a layer: they replace what arrives at each leaf module, on both sides alike.

Stressing the model's own input would not do: behind the first normalisation every input has unit
variance again, and a wrong epsilon is invisible there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.base.numerics import Array

StressInput = Callable[[Array], Array]


def _unit(x: Array) -> Array:
    """Scale to standard deviation 1, so that probes do not pile up from layer to layer."""
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is judged as such
        spread = float(x.std()) if x.size else 0.0
    return x / spread if 0 < spread < np.inf else x


STRESS_INPUTS: dict[str, StressInput] = {
    "plain": lambda x: x,
    # Variance 1e-6: where the epsilon of a normalisation shows.
    "low variance": lambda x: _unit(x) / 1024,
    # Mean a hundred standard deviations off: where one-pass variances lose their digits.
    "large offset": lambda x: _unit(x) + 100,
    # Where saturating functions part and exponentials overflow.
    "large magnitude": lambda x: _unit(x) * 64,
    # Past float16's largest number, 65504, at which ported code likes to clamp.
    "beyond float16": lambda x: _unit(x) * 2**17,
    "constant": lambda x: np.full_like(x, _unit(x).flat[0] if x.size else 0),
    "zeros": np.zeros_like,
}
