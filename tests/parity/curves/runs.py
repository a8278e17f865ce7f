"""Loss curves of runs for tests, with noise that depends on itself from step to step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parity.curves.curve import Curve

STEPS = 120


def losses(seed: int, *, noise: float = 0.05, memory: float = 0.9) -> NDArray[np.float64]:
    """Return the losses of a run, float64 (STEPS,)."""
    generator = np.random.default_rng(seed)
    values = [generator.standard_normal()]
    for fresh in generator.standard_normal(STEPS - 1):
        values.append(memory * values[-1] + (1 - memory**2) ** 0.5 * fresh)
    return (0.1 + 1 / np.sqrt(np.arange(1, STEPS + 1))) * (1 + noise * np.array(values))


def curve(name: str, values: NDArray[np.float64], half: float = 1e-9, first: int = 0) -> Curve:
    steps = np.arange(first, first + values.size, dtype=np.int64)
    return Curve(name, steps, values.copy(), np.full(values.size, half))
