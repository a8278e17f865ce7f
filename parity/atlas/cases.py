"""Draws the inputs of an entry: ordinary ones, and ones on which implementations often differ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parity.atlas.entry import Entry, InputSpec
from parity.base.numerics import Array, rounded
from parity.base.rng import keyed

InputCase = Callable[[Array], Array]
ORDINARY = "ordinary"
# A one-ulp perturbation would remove the ties that this case is about.
UNPERTURBED = ("ties",)


def _with_first_elements(*values: float) -> InputCase:
    def replace(x: Array) -> Array:
        y = x.copy()
        y.reshape(-1)[: len(values)] = values[: y.size]
        return y

    return replace


_REAL: dict[str, InputCase] = {
    ORDINARY: lambda x: x,
    "zeros": np.zeros_like,
    "constant": lambda x: np.full_like(x, 0.7),
    "large offset": lambda x: x + 1000,
    "large magnitude": lambda x: x * 1e4,
    "tiny magnitude": lambda x: x * 1e-5,
    "saturated below": lambda x: -30 - 30 * np.abs(x),
    "saturated above": lambda x: 30 + 30 * np.abs(x),
    "ties": np.rint,
    "infinity": _with_first_elements(np.inf, -np.inf),
    "nan": _with_first_elements(np.nan),
    "one row": lambda x: x[:1],
    "empty": lambda x: x[:0],
}
_UNIT: dict[str, InputCase] = {
    ORDINARY: lambda x: x,
    "zeros": np.zeros_like,
    "ones": np.ones_like,
    "ties": np.rint,
    "nan": _with_first_elements(np.nan),
}
_POSITIVE = {name: case for name, case in _REAL.items() if "below" not in name}
_POSITIVE["negative"] = lambda x: -x
_CASES_OF_DOMAIN = {"real": _REAL, "positive": _POSITIVE, "unit": _UNIT}
REAL_CASES = tuple(_REAL)
NAMES = tuple(dict.fromkeys([*_REAL, *_POSITIVE, *_UNIT]))


def real_case(name: str) -> InputCase:
    """Return what an input case does to an array of real numbers."""
    return _REAL[name]


def case_names(entry: Entry) -> tuple[str, ...]:
    """Return the names of an entry's input cases, the ordinary one first."""
    if entry.cases is not None:
        return entry.cases
    domains = [
        _CASES_OF_DOMAIN[spec.domain]
        for spec in entry.inputs.values()
        if spec.domain in _CASES_OF_DOMAIN
    ]
    shared = [name for name in NAMES if domains and all(name in cases for cases in domains)]
    return tuple(shared) or (ORDINARY,)


def draw_inputs(entry: Entry, case: str) -> dict[str, Array]:
    """Draw an entry's inputs for a case; the same arrays on every call.

    Returns:
        name -> array. Floats are float64 with values that float32 holds exactly, so that a run in
        either precision starts from equal numbers.
    """
    inputs = {}
    for name, spec in entry.inputs.items():
        array = _draw_ordinary(spec, name)
        if spec.domain in _CASES_OF_DOMAIN:
            array = np.ascontiguousarray(_CASES_OF_DOMAIN[spec.domain][case](array))
        inputs[name] = rounded(array)
    return inputs


def _draw_ordinary(spec: InputSpec, name: str) -> Array:
    generator = keyed("atlas", name, spec.shape)
    if spec.domain == "index":
        return generator.integers(0, spec.below, spec.shape)
    while True:
        # Three decimals keep a program that contains the input short. Small arrays are drawn again
        # until no two elements are equal: ties are tested by a case of their own.
        array = np.round(generator.standard_normal(spec.shape), 3)
        if np.unique(array).size == array.size or array.size > 64:
            break
    if spec.domain == "unit":
        return np.round(1 / (1 + np.exp(-array)), 3)
    return np.round(np.exp(array), 3) if spec.domain == "positive" else array
