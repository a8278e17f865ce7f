"""From the arrays that two sides left for one tensor to a judgement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from parity.base.numerics import Array, distance, is_float, magnitude
from parity.verdict import (
    FLOAT32_EPSILON,
    Cause,
    Judgement,
    Measured,
    Role,
    Verdict,
    cannot_judge,
    error,
    judge,
    judge_exact,
    reruns_differ,
)


@dataclass(frozen=True, kw_only=True)
class SideArrays:
    """One side's results for one tensor.

    Attributes:
        float64, float32: the tensor of a run in that precision; None where the side does not reach
            it.
        spread64, spread32: largest distance between a run with one-ulp perturbations and the run
            without, in that precision.
        rerun_difference: largest distance between two identical runs in float64.
        operation_spread: () -> largest distance in float64 between a run whose every operation is
            perturbed by one ulp and the run without; called only where it may change the verdict.
        epsilon: of the coarsest precision in which a float32 run computes it.
    """

    float64: Array | None
    float32: Array | None
    spread64: float = 0.0
    spread32: float = 0.0
    rerun_difference: float = 0.0
    operation_spread: Callable[[], float] = lambda: 0.0
    epsilon: float = FLOAT32_EPSILON


def judge_arrays(
    reference: SideArrays,
    candidate: SideArrays,
    *,
    is_plain_input: bool,
    cancellation_scale: float = 0.0,
    may_be_missing: bool = False,
) -> Judgement | None:
    """Judge one tensor.

    Args:
        reference: the reference's results.
        candidate: the candidate's.
        is_plain_input: whether the input is one that models meet; if not, a reference that is not
            finite says nothing.
        cancellation_scale: magnitude of the terms summed into a gradient, see `Measured`.
        may_be_missing: whether a tensor that the candidate does not reach is judged elsewhere.

    Returns:
        The judgement; None where nothing is to be said here.
    """
    expected, actual = reference.float64, candidate.float64
    if expected is None:
        return cannot_judge(Cause.ONLY_IN_CANDIDATE)
    if not _all_finite(expected):
        return error(Cause.NOT_FINITE, side="reference") if is_plain_input else None
    if actual is None:
        return None if may_be_missing else cannot_judge(Cause.MISSING_IN_CANDIDATE)
    mismatch = _mismatch(expected, actual)
    if mismatch is not None:
        return mismatch
    actual = actual.reshape(expected.shape)
    if not is_float(expected):
        return judge_exact(np.array_equal(expected, actual))
    return _judge_floats(reference, candidate, is_plain_input, cancellation_scale)


def measure(
    reference: SideArrays, candidate: SideArrays, *, cancellation_scale: float = 0.0
) -> Measured:
    """Measure the distances of one tensor, all four of whose arrays are finite floats of one size.

    Args:
        reference: the reference's results.
        candidate: the candidate's.
        cancellation_scale: magnitude of the terms summed into a gradient, see `Measured`.
    """
    expected = reference.float64
    others = (candidate.float64, reference.float32, candidate.float32)
    assert expected is not None
    actual, reference32, candidate32 = (
        array.reshape(expected.shape) for array in others if array is not None
    )
    return Measured(
        scale=magnitude(expected),
        semantic=distance(actual, expected),
        reference_error=distance(reference32, expected),
        candidate_error=distance(candidate32, expected),
        candidate_rounding=distance(candidate32, actual),
        reference_spread=finite(reference.spread32),
        candidate_spread=finite(candidate.spread32),
        double_spread=max(finite(reference.spread64), finite(candidate.spread64)),
        cancellation_scale=cancellation_scale,
        identical=np.array_equal(actual, expected) and np.array_equal(candidate32, reference32),
        epsilon=reference.epsilon,
        candidate_epsilon=candidate.epsilon,
    )


def _mismatch(expected: Array, actual: Array) -> Judgement | None:
    # A zero-dimensional tensor has shape (1,) in a framework without them.
    if expected.shape != actual.shape and {expected.shape, actual.shape} != {(), (1,)}:
        return error(Cause.SHAPE, compared=(str(expected.shape), str(actual.shape)))
    if is_float(expected) != is_float(actual):
        return error(Cause.DTYPE, compared=(str(expected.dtype), str(actual.dtype)))
    if not _all_finite(actual):
        return error(Cause.NOT_FINITE, side="candidate")
    sides: tuple[tuple[Role, Array], ...] = (("reference", expected), ("candidate", actual))
    for side, array in sides:
        if is_float(array) and array.dtype.itemsize < 8:
            lower = cannot_judge(Cause.LOWER_PRECISION, side)
            return replace(lower, compared=(str(expected.dtype), str(actual.dtype)))
    return None


def _judge_floats(
    reference: SideArrays,
    candidate: SideArrays,
    is_plain_input: bool,
    cancellation_scale: float,
) -> Judgement | None:
    reference32, candidate32 = reference.float32, candidate.float32
    assert reference32 is not None  # the reference reaches the same tensors in either precision
    if not _all_finite(reference32):
        if not is_plain_input:
            return None
        return error(Cause.NOT_FINITE, side="reference", precision="float32")
    if candidate32 is None or candidate32.size != reference32.size or not _all_finite(candidate32):
        return error(Cause.NOT_FINITE, side="candidate", precision="float32")
    measured = measure(reference, candidate, cancellation_scale=cancellation_scale)
    runs: tuple[tuple[Role, SideArrays], ...] = (
        ("reference", reference),
        ("candidate", candidate),
    )
    for side, arrays in runs:
        if reruns_differ(arrays.rerun_difference, measured):
            return cannot_judge(Cause.RERUNS_DIFFER, side)
    judgement = judge(measured, is_plain_input=is_plain_input)
    if judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and judgement.precision == "float64":
        # Rounding that no perturbation of inputs and weights can show.
        spread = max(finite(reference.operation_spread()), finite(candidate.operation_spread()))
        if spread > measured.double_spread:
            judgement = judge(
                replace(measured, double_spread=spread), is_plain_input=is_plain_input
            )
    return judgement


def _all_finite(array: Array) -> bool:
    # A NaN among real numbers comes out of the extremes; no array of flags is made.
    if array.dtype.kind == "f":
        return bool(np.isfinite(magnitude(array)))
    return bool(np.isfinite(array).all())


def finite(value: float) -> float:
    """Return a spread, or 0 where it is not finite: an overflow says nothing about rounding."""
    return value if np.isfinite(value) else 0.0
