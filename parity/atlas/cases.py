"""The inputs: ordinary ones, and the nasty ones that tell two implementations apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.atlas.entry import Draw, Entry
from parity.base.numerics import Array, rounded
from parity.base.rng import keyed

Case = Callable[[Array], Array]
ORDINARY = "ordinary"
# Here a shift by one ulp would break what the case is about.
UNSHIFTED = ("ties",)


def _spoiled(*values: float) -> Case:
    def spoil(x: Array) -> Array:
        y = x.copy()
        y.reshape(-1)[: len(values)] = values[: y.size]
        return y

    return spoil


_REAL: dict[str, Case] = {
    ORDINARY: lambda x: x,
    "zeros": np.zeros_like,
    "constant": lambda x: np.full_like(x, 0.7),
    "large offset": lambda x: x + 1000,
    "large magnitude": lambda x: x * 1e4,
    "tiny magnitude": lambda x: x * 1e-5,
    "saturated below": lambda x: -30 - 30 * np.abs(x),
    "saturated above": lambda x: 30 + 30 * np.abs(x),
    "ties": np.rint,
    "infinity": _spoiled(np.inf, -np.inf),
    "nan": _spoiled(np.nan),
    "one row": lambda x: x[:1],
    "empty": lambda x: x[:0],
}
_UNIT: dict[str, Case] = {
    ORDINARY: lambda x: x,
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "ties": np.rint,
    "nan": _spoiled(np.nan),
}
_POSITIVE = {name: case for name, case in _REAL.items() if "below" not in name}
_POSITIVE["negative"] = lambda x: -x
_OF_DOMAIN = {"real": _REAL, "positive": _POSITIVE, "unit": _UNIT}
NAMES = tuple(dict.fromkeys([*_REAL, *_POSITIVE, *_UNIT]))


def cases(entry: Entry) -> tuple[str, ...]:
    """Return the names of the cases that an entry is judged on, ordinary first."""
    if entry.cases is not None:
        return entry.cases
    probed = [_OF_DOMAIN[d.domain] for d in entry.inputs.values() if d.domain in _OF_DOMAIN]
    return tuple(name for name in NAMES if probed and all(name in p for p in probed)) or (ORDINARY,)


def draw(entry: Entry, case: str) -> dict[str, Array]:
    """Draw an entry's inputs for a case; the same whenever it is asked.

    Floats are float64, and have float32's values, so that both precisions start equal.
    """
    found = {}
    for name, how in entry.inputs.items():
        array = _ordinary(how, name)
        if how.domain in _OF_DOMAIN:
            array = np.ascontiguousarray(_OF_DOMAIN[how.domain][case](array))
        found[name] = rounded(array)
    return found


def _ordinary(how: Draw, name: str) -> Array:
    generator = keyed("atlas", name, how.shape)
    if how.domain == "index":
        return generator.integers(0, how.below, how.shape)
    while True:
        # Few digits, so that a program that shows an input is short; and no two alike, so that
        # ties are met only where they are meant.
        array = np.round(generator.standard_normal(how.shape), 3)
        if np.unique(array).size == array.size or array.size > 64:
            break
    if how.domain == "unit":
        return np.round(1 / (1 + np.exp(-array)), 3)
    return np.round(np.exp(array), 3) if how.domain == "positive" else array
