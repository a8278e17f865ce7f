"""Judges an entry's tensors by the rule that judges models, in float32 and in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity.atlas.backends import Backend, Outcome
from parity.atlas.cases import ORDINARY, UNPERTURBED
from parity.atlas.entry import Entry
from parity.atlas.finding import OUTPUT, AtlasCause, ComparedTensor, Finding
from parity.atlas.judge_values import judge_exception
from parity.base.numerics import Array, Precision, distance, magnitude
from parity.base.perturbation import perturb_one_ulp
from parity.compare.arrays import measure
from parity.limits import FLOAT32_EPSILON, SHIFTS, K
from parity.noise.side_arrays import SideArrays, Sums
from parity.verdict import Judgement, Measured, Verdict, is_rounding, judge, judge_exact

Inputs = Mapping[str, Array]
# The smallest scale: relative to less, half a float32 ulp is below the smallest normal float32.
SMALLEST_SCALE = float(np.finfo(np.float32).tiny) / FLOAT32_EPSILON


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """The outcomes of both sides on the same inputs."""

    reference: Outcome
    candidate: Outcome

    @property
    def raised(self) -> bool:
        return bool(self.reference.exception or self.candidate.exception)


@dataclass(frozen=True, kw_only=True)
class _Measurement:
    """Everything that was run for one input case.

    Attributes:
        case: its name.
        single, double: the runs in float32 and in float64.
        perturbed: precision -> the runs with inputs perturbed by one ulp.
        largest_input: the largest absolute value among the inputs.
    """

    case: str
    single: _Runs
    double: _Runs
    perturbed: Mapping[Precision, Sequence[_Runs]]
    largest_input: float

    def spread(self, tensor: ComparedTensor, side: str, precision: Precision) -> float:
        """Return the largest change of one side's tensor over the one-ulp perturbations."""
        baseline = self.single if precision == "float32" else self.double
        expected = _finite_part(getattr(baseline, side).arrays[tensor])
        outcomes: list[Outcome] = [getattr(runs, side) for runs in self.perturbed[precision]]
        changes = [
            _distance(_finite_part(outcome.arrays[tensor]), expected)
            for outcome in outcomes
            if not outcome.exception
        ]
        return max(changes, default=0.0)


def judge_numeric(
    entry: Entry, source: str, case: str, inputs: Inputs, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge every output and gradient of a candidate's source on one input case.

    Args:
        entry: the entry whose reference source is run.
        source: the candidate's source: the entry's own, or its workaround.
        case: the name of the input case.
        inputs: name -> array, see `parity.atlas.cases.draw_inputs`.
        reference: PyTorch.
        candidate: Jittor.
    """

    def run(precision: Precision, arrays: Inputs) -> _Runs:
        return _Runs(
            reference=reference.run(entry.torch, arrays, precision, gradient=entry.gradient),
            candidate=candidate.run(source, arrays, precision, gradient=entry.gradient),
        )

    single, double = run("float32", inputs), run("float64", inputs)
    for runs in (single, double):
        if runs.raised:
            exceptions = runs.reference.exception, runs.candidate.exception
            return [judge_exception(case, OUTPUT, *exceptions)]
    perturbed: dict[Precision, list[_Runs]] = {"float32": [], "float64": []}
    if case not in UNPERTURBED:
        for number in range(SHIFTS):
            perturbed["float32"].append(run("float32", _perturb(inputs, "float32", number)))
        perturbed["float64"].append(run("float64", _perturb(inputs, "float64", SHIFTS)))
    expected, actual = double.reference.arrays, double.candidate.arrays
    if list(expected) != list(actual):
        return [
            Finding(
                case=case, tensor=OUTPUT, verdict=Verdict.ERROR, cause=AtlasCause.OUTPUT_COUNT,
                reference=str(len(expected)), candidate=str(len(actual)),
            )
        ]  # fmt: skip
    measurement = _Measurement(
        case=case, single=single, double=double, perturbed=perturbed,
        largest_input=_largest(inputs),
    )  # fmt: skip
    return [_judge_tensor(tensor, measurement) for tensor in expected]


def _perturb(inputs: Inputs, precision: Precision, number: int) -> dict[str, Array]:
    return {
        name: perturb_one_ulp(array, precision, name, "atlas", number)
        for name, array in inputs.items()
    }


def _judge_tensor(tensor: ComparedTensor, measurement: _Measurement) -> Finding:
    case = measurement.case
    r32, c32, r64, c64 = (
        _at_least_one_dimensional(outcome.arrays[tensor])
        for runs in (measurement.single, measurement.double)
        for outcome in (runs.reference, runs.candidate)
    )
    mismatch = _mismatch(r32, c32) or _mismatch(r64, c64)
    overflow = None if mismatch else _overflow(r32, c32)
    if difference := mismatch or overflow:
        cause, expected, actual = difference
        return Finding(
            case=case, tensor=tensor, verdict=Verdict.ERROR, cause=cause, reference=expected,
            candidate=actual, float32_only=overflow is not None,
        )  # fmt: skip
    identical = _equal(r32, c32) and _equal(r64, c64)
    if not _is_float(r64):
        return Finding(
            case=case, tensor=tensor, error=distance(r64.astype(float), c64.astype(float)),
            noise=0.0, cause=AtlasCause.AGREEMENT if identical else AtlasCause.VALUES,
            verdict=judge_exact(identical).verdict,
        )  # fmt: skip
    return _judge_floats(tensor, measurement, (r32, c32, r64, c64), identical)


def _judge_floats(
    tensor: ComparedTensor,
    measurement: _Measurement,
    arrays: tuple[Array, Array, Array, Array],
    identical: bool,
) -> Finding:
    """Judge floats by their finite elements; the others are equal in float64 already."""
    finite = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    r32, c32, r64, c64 = (np.where(finite, array, 0) for array in arrays)
    sides = {
        side: SideArrays(
            float32=float32, float64=float64,
            spread32=measurement.spread(tensor, side, "float32"),
            spread64=measurement.spread(tensor, side, "float64"),
        )
        for side, float32, float64 in (("reference", r32, r64), ("candidate", c32, c64))
    }  # fmt: skip
    # The cotangent is of order 1; a smaller gradient is rounded relative to it.
    scale = 1.0 if tensor.quantity == "gradient" else SMALLEST_SCALE
    measured = measure(sides["reference"], sides["candidate"], sums=Sums(scale))
    # Elements that are not finite in one precision alone decide as well.
    measured = replace(measured, identical=identical)
    # A single operator that is inaccurate in float32 alone loses digits, on any input.
    judgement = judge(measured, is_plain_input=False)
    verdict, cause = _qualify(judgement, measured, measurement)
    return Finding(
        case=measurement.case, tensor=tensor, verdict=verdict, cause=cause, error=judgement.error,
        noise=judgement.noise,
    )  # fmt: skip


def _qualify(
    judgement: Judgement, measured: Measured, measurement: _Measurement
) -> tuple[Verdict, AtlasCause]:
    """Return the verdict and its cause, from the precision in which a difference occurs."""
    verdict = judgement.verdict
    if verdict.passes(strict=True):
        return verdict, AtlasCause.AGREEMENT
    if verdict is Verdict.NUMERICALLY_WEAKER:
        candidate_is_weaker = judgement.side == "candidate"
        return verdict, (
            AtlasCause.CANDIDATE_LESS_ACCURATE
            if candidate_is_weaker
            else AtlasCause.REFERENCE_LESS_ACCURATE
        )
    largest = max(1.0, measurement.largest_input)
    if measurement.case != ORDINARY and _is_cancellation(largest, measured):
        return Verdict.NUMERICALLY_WEAKER, AtlasCause.CANCELLATION
    rounding = max(measured.floor, measured.reference_error, measured.reference_spread)
    if (
        measured.reference_error > measured.scale / 2
        and measured.reference_error > measured.semantic / 2
    ):
        return Verdict.ABSTAIN, AtlasCause.REFERENCE_INACCURATE
    if measured.semantic <= K * rounding:
        return verdict, AtlasCause.BELOW_FLOAT32
    if measured.candidate_error <= K * rounding:
        return verdict, AtlasCause.ONLY_FLOAT64
    return verdict, AtlasCause.VALUES


def _is_cancellation(largest: float, measured: Measured) -> bool:
    """Tell whether a small result lost its digits to larger intermediate numbers.

    log(1 + exp(-35)) does, in either precision; where float32 has lost every digit, its noise says
    nothing about what float64 may lose.
    """
    rounding = FLOAT32_EPSILON * largest
    return (
        measured.candidate_error > measured.scale / 2
        and measured.candidate_error <= K * rounding
        and is_rounding(measured.semantic, rounding)
    )


def _mismatch(expected: Array, actual: Array) -> tuple[AtlasCause, str, str] | None:
    """Compare shapes, dtypes and, except in float32, the positions of NaN and infinity."""
    if expected.shape != actual.shape:
        return AtlasCause.SHAPE, str(expected.shape), str(actual.shape)
    # Jittor's integers have 32 bits, which is an entry of its own (`dtypes`).
    kinds = ["i" if a.dtype.kind == "u" else a.dtype.kind for a in (expected, actual)]
    if kinds[0] != kinds[1] or (kinds[0] == "f" and expected.dtype != actual.dtype):
        return AtlasCause.DTYPE, str(expected.dtype), str(actual.dtype)
    if not _is_float(expected) or expected.dtype == np.float32:
        return None  # `_overflow` looks at float32
    both_finite = np.isfinite(expected) & np.isfinite(actual)
    both_nan = np.isnan(expected) & np.isnan(actual)
    return _first(~(both_finite | (expected == actual) | both_nan), expected, actual)


def _overflow(expected: Array, actual: Array) -> tuple[AtlasCause, str, str] | None:
    """Find where the candidate overflows or is NaN in float32 and the reference is finite."""
    if not _is_float(expected):
        return None
    return _first(np.isfinite(expected) & ~np.isfinite(actual), expected, actual)


def _first(wrong: Array, expected: Array, actual: Array) -> tuple[AtlasCause, str, str] | None:
    if not wrong.any():
        return None
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return AtlasCause.SPECIAL_VALUES, f"{expected[at]:.6g}", f"{actual[at]:.6g}"


def _equal(expected: Array, actual: Array) -> bool:
    return bool(np.array_equal(expected, actual, equal_nan=_is_float(expected)))


def _largest(inputs: Inputs) -> float:
    return max((magnitude(_finite_part(a)) for a in inputs.values() if _is_float(a)), default=0.0)


def _at_least_one_dimensional(array: Array) -> Array:
    """Jittor has no zero-dimensional tensors, which is an entry of its own (`dtypes`)."""
    return array.reshape(1) if array.shape == () else array


def _is_float(array: Array) -> bool:
    return array.dtype.kind == "f"


def _finite_part(array: Array) -> Array:
    array = _at_least_one_dimensional(array)
    return np.where(np.isfinite(array), array, 0) if _is_float(array) else array


def _distance(a: Array, b: Array) -> float:
    return distance(a, b) if a.shape == b.shape else float("inf")
