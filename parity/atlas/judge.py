"""How one entry is judged on one case: the engine's own rule, and its own six words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from parity.atlas.cases import ORDINARY, UNSHIFTED
from parity.atlas.entry import Entry
from parity.atlas.sides import Backend, Outcome, said
from parity.base.numerics import Array, Precision, distance, magnitude
from parity.base.rng import perturb_one_ulp
from parity.compare.initial_values import critical_value, kolmogorov_smirnov
from parity.verdict import (
    FLOAT32_EPSILON,
    PRECISION_RATIO,
    SHIFTS,
    K,
    Measured,
    Verdict,
    judge,
)

Inputs = Mapping[str, Array]
HIDDEN = "float32 is too coarse to show it"
# Differences of which float32 has no normal number are none.
SMALLEST = float(np.finfo(np.float32).tiny) / FLOAT32_EPSILON


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found at one place on one case.

    Attributes:
        case: the inputs' name, empty where there are none.
        place: `output`, `gradient of x`, or `value`.
        verdict: one of the six.
        error: the difference, in units of the reference's largest value; NaN where it has no size.
        noise: what rounding explains, in the same unit.
        reason: in words, where numbers do not say it.
    """

    case: str
    place: str
    verdict: Verdict
    error: float = float("nan")
    noise: float = float("nan")
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values; numbers of no size become None."""
        plain = {k: v for k, v in asdict(self).items() if k != "verdict"}
        for key in ("error", "noise"):
            plain[key] = float(f"{plain[key]:.3g}") if np.isfinite(plain[key]) else None
        return {**plain, "verdict": self.verdict.name}


def judge_numeric(
    entry: Entry, source: str, case: str, inputs: Inputs, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge a source of the candidate on inputs, at every place.

    Args:
        entry: whose reference source is run.
        source: the candidate's: the entry's own, or its mend.
        case: the inputs' name.
        inputs: see `parity.atlas.cases.draw`.
        reference: PyTorch.
        candidate: Jittor.
    """

    def both(precision: Precision, arrays: Inputs) -> tuple[Outcome, Outcome]:
        return (
            reference.run(entry.torch, arrays, precision, gradient=entry.gradient),
            candidate.run(source, arrays, precision, gradient=entry.gradient),
        )

    single, double = both("float32", inputs), both("float64", inputs)
    for ours, theirs in (single, double):
        if ours.raised or theirs.raised:
            return [_raised(case, "output", ours.raised, theirs.raised)]
    shifts: list[tuple[Precision, tuple[Outcome, Outcome]]] = []
    if case not in UNSHIFTED:
        for number in range(SHIFTS):
            shifts.append(("float32", both("float32", _shift(inputs, "float32", number))))
        shifts.append(("float64", both("float64", _shift(inputs, "float64", SHIFTS))))
    places = list(double[0].values)
    if places != list(double[1].values):
        found = f"{len(places)} values in PyTorch, {len(double[1].values)} in Jittor"
        return [Finding(case=case, place="output", verdict=Verdict.ERROR, reason=found)]
    return [_judge_place(case, place, inputs, single, double, shifts) for place in places]


def _shift(inputs: Inputs, precision: Precision, number: int) -> dict[str, Array]:
    return {
        name: perturb_one_ulp(array, precision, name, "atlas", number)
        for name, array in inputs.items()
    }


def _raised(case: str, place: str, ours: str, theirs: str) -> Finding:
    if ours and theirs:
        reason = f"both raise; PyTorch: {ours}; Jittor: {theirs}"
        return Finding(case=case, place=place, verdict=Verdict.IDENTICAL, reason=reason)
    if ours:
        reason = f"PyTorch raises {ours}; Jittor gives a value"
    else:
        reason = f"Jittor raises {theirs}; PyTorch gives a value"
    return Finding(case=case, place=place, verdict=Verdict.ERROR, reason=reason)


def _judge_place(
    case: str,
    place: str,
    inputs: Inputs,
    single: tuple[Outcome, Outcome],
    double: tuple[Outcome, Outcome],
    shifts: list[tuple[Precision, tuple[Outcome, Outcome]]],
) -> Finding:
    r32, c32 = (_zero_dimensional(side.values[place]) for side in single)
    r64, c64 = (_zero_dimensional(side.values[place]) for side in double)
    if mismatch := _mismatch(r32, c32) or _mismatch(r64, c64) or _overflow(r32, c32, r64, c64):
        return Finding(case=case, place=place, verdict=Verdict.ERROR, reason=mismatch)
    same = np.array_equal(r32, c32, equal_nan=_floats(r32)) and np.array_equal(
        r64, c64, equal_nan=_floats(r64)
    )
    if not _floats(r64):
        verdict = Verdict.IDENTICAL if same else Verdict.SEMANTIC_DIFFERENCE
        gap = distance(r64.astype(float), c64.astype(float))
        return Finding(case=case, place=place, verdict=verdict, error=gap, noise=0.0)

    def spread(side: int, precision: Precision) -> float:
        still = (single if precision == "float32" else double)[side].values[place]
        moved = [both[side] for p, both in shifts if p == precision]
        gaps = [_gap(_finite(m.values[place]), _finite(still)) for m in moved if not m.raised]
        return max(gaps, default=0.0)

    # What flows into the backward pass is of order 1; smaller gradients are rounded beside it.
    flow = 1.0 if place.startswith("gradient") else SMALLEST
    arrays = (r32, c32, r64, c64)
    finite = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    r32, c32, r64, c64 = (np.where(finite, array, 0) for array in arrays)
    measured = Measured(
        scale=magnitude(r64),
        semantic=distance(c64, r64),
        reference_error=distance(r32, r64),
        candidate_error=distance(c32, r64),
        candidate_rounding=distance(c32, c64),
        reference_spread=spread(0, "float32"),
        candidate_spread=spread(1, "float32"),
        double_spread=max(spread(0, "float64"), spread(1, "float64")),
        cancellation_scale=flow,
        identical=bool(same),
    )
    # Of a single operator, float32 alone going wrong is a loss of digits, on any input.
    result = judge(measured, is_plain_input=False)
    reason = result.reason.replace("the candidate", "Jittor").replace("the reference", "PyTorch")
    passing = magnitude(_largest(inputs))
    if case != ORDINARY and _is_rounding_of(max(1.0, passing), measured, result.verdict):
        return Finding(
            case=case, place=place, verdict=Verdict.NUMERICALLY_WEAKER, error=result.error,
            noise=result.noise, reason="Jittor loses digits to larger numbers on the way",
        )  # fmt: skip
    verdict = result.verdict
    if verdict is Verdict.SEMANTIC_DIFFERENCE:
        verdict, reason = _qualified(measured)
    return Finding(
        case=case, place=place, verdict=verdict, error=result.error, noise=result.noise,
        reason=reason,
    )  # fmt: skip


def _qualified(measured: Measured) -> tuple[Verdict, str]:
    """Tell which precision shows a difference in float64."""
    rounding = max(measured.floor, measured.reference_error, measured.reference_spread)
    if (
        measured.reference_error > measured.scale / 2
        and measured.reference_error > measured.semantic / 2
    ):
        return Verdict.ABSTAIN, "PyTorch in float32 is as far from PyTorch in float64"
    if measured.semantic <= K * rounding:
        return Verdict.SEMANTIC_DIFFERENCE, HIDDEN
    if measured.candidate_error <= K * rounding:
        return Verdict.SEMANTIC_DIFFERENCE, "in float64 only; float32 agrees"
    return Verdict.SEMANTIC_DIFFERENCE, ""


def _is_rounding_of(passing: float, measured: Measured, verdict: Verdict) -> bool:
    """Tell whether a small result lost its digits to larger numbers on the way.

    log(1 + exp(-35)) does, in either precision, and what float32 has lost to the last digit cannot
    say what float64 may lose.
    """
    if verdict is not Verdict.SEMANTIC_DIFFERENCE:
        return False
    allowed = K * FLOAT32_EPSILON * passing
    lost = measured.candidate_error > measured.scale / 2
    return (
        lost
        and measured.candidate_error <= allowed
        and (measured.semantic <= allowed * PRECISION_RATIO)
    )


def _largest(inputs: Inputs) -> Array:
    floats = [_finite(a).ravel() for a in inputs.values() if _floats(a)]
    return np.concatenate(floats) if floats else np.zeros(0)


def _zero_dimensional(array: Array) -> Array:
    """Jittor has no zero-dimensional tensors, which is an entry of its own (`dtypes`)."""
    return array.reshape(1) if array.shape == () else array


def _floats(array: Array) -> bool:
    return array.dtype.kind == "f"


def _finite(array: Array) -> Array:
    array = _zero_dimensional(array)
    return np.where(np.isfinite(array), array, 0) if _floats(array) else array


def _gap(a: Array, b: Array) -> float:
    return distance(a, b) if a.shape == b.shape else float("inf")


def _mismatch(ours: Array, theirs: Array) -> str:
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} in PyTorch, {theirs.shape} in Jittor"
    # Jittor's whole numbers are 32 bits wide, which is an entry of its own (`dtypes`).
    kinds = ["i" if a.dtype.kind == "u" else a.dtype.kind for a in (ours, theirs)]
    if kinds[0] != kinds[1] or (kinds[0] == "f" and ours.dtype != theirs.dtype):
        return f"dtype {ours.dtype} in PyTorch, {theirs.dtype} in Jittor"
    if not _floats(ours):
        return ""
    wrong = ~((np.isfinite(ours) & np.isfinite(theirs)) | (ours == theirs))
    wrong &= ~(np.isnan(ours) & np.isnan(theirs))
    if ours.dtype == np.float32:
        wrong[:] = False  # an overflow that float64 does not have is looked at by `_overflow`
    return _first(wrong, ours, theirs)


def _overflow(r32: Array, c32: Array, r64: Array, c64: Array) -> str:
    """Jittor leaves float32's range, or makes a NaN, where PyTorch does not."""
    if not _floats(r32):
        return ""
    wrong = np.isfinite(r32) & ~np.isfinite(c32)
    found = _first(wrong, r32, c32)
    return f"{found}, in float32 only" if found else ""


def _first(wrong: Array, ours: Array, theirs: Array) -> str:
    if not wrong.any():
        return ""
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return f"{theirs[at]:.6g} where PyTorch has {ours[at]:.6g}"


def judge_rule(entry: Entry, source: str, reference: Backend, candidate: Backend) -> list[Finding]:
    """Judge plain values, or that an exception is raised, by equality."""
    ours, theirs = (
        _value(side, text) for side, text in ((reference, entry.torch), (candidate, source))
    )
    if ours[1] or theirs[1]:
        return [_raised("", "value", ours[1], theirs[1])]
    same = ours[0] == theirs[0]
    verdict = Verdict.IDENTICAL if same else Verdict.SEMANTIC_DIFFERENCE
    reason = "" if same else f"{theirs[0]} where PyTorch has {ours[0]}"
    return [Finding(case="", place="value", verdict=verdict, reason=reason)]


def _value(side: Backend, source: str) -> tuple[str, str]:
    try:
        return plain(side, side.value(source)), ""
    except Exception as error:  # whatever a framework may raise is an outcome
        return "", said(error)


def plain(side: Backend, value: Any) -> str:
    """Return a value as text that does not tell which framework it comes from."""
    if side.is_tensor(value):
        return str(side.to_array(value).tolist())
    if isinstance(value, (list, tuple)):
        return "(" + ", ".join(plain(side, item) for item in value) + ")"
    return str(value).removeprefix("torch.")


def judge_random(
    entry: Entry, source: str, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge two samples: constants exactly, others by their distribution functions.

    The two-sample Kolmogorov-Smirnov test calls equal distributions different once in a million
    entries (`INIT_SIGNIFICANCE`); at 20,000 numbers it sees a gap of 0.027 between the distribution
    functions, which is a normal distribution's standard deviation 12 % off.
    """
    ours, theirs = (
        _sample(side, text) for side, text in ((reference, entry.torch), (candidate, source))
    )
    if isinstance(ours, str) or isinstance(theirs, str):
        raised = [x if isinstance(x, str) else "" for x in (ours, theirs)]
        return [_raised("", "value", *raised)]
    if mismatch := "" if ours.shape == theirs.shape else _mismatch(ours, theirs):
        return [Finding(case="", place="value", verdict=Verdict.ERROR, reason=mismatch)]
    a, b = ours.ravel().astype(float), theirs.ravel().astype(float)
    if np.array_equal(a, b):
        return [Finding(case="", place="value", verdict=Verdict.IDENTICAL, error=0.0, noise=0.0)]
    gap, critical = kolmogorov_smirnov(a, b), critical_value(a.size)
    constant = len({a.std() == 0, b.std() == 0}) > 1 or a.std() == 0
    verdict = Verdict.SEMANTIC_DIFFERENCE if constant or gap > critical else Verdict.WITHIN_NOISE
    reason = "; ".join(f"{n}: {_moments(x)}" for n, x in (("PyTorch", a), ("Jittor", b)))
    return [
        Finding(
            case="", place="value", verdict=verdict, error=gap, noise=critical, reason=reason
        )
    ]  # fmt: skip


def _sample(side: Backend, source: str) -> Array | str:
    seed = "torch.manual_seed(0)" if side.framework == "torch" else "jt.set_global_seed(0)"
    try:
        return side.to_array(side.value(f"{seed}\n{source}"))
    except Exception as error:  # whatever a framework may raise is an outcome
        return said(error)


def _moments(x: Array) -> str:
    return f"mean {x.mean():.4g}, deviation {x.std():.4g}, from {x.min():.4g} to {x.max():.4g}"
