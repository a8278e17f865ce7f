"""From the arrays that two sides left for one tensor to a judgement."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from parity.base.difference import difference_of
from parity.base.numerics import (
    Array,
    Precision,
    distance,
    finite,
    is_float,
    is_same_shape,
    magnitude,
    same_not_finite,
)
from parity.limits import K
from parity.noise.side_arrays import NO_SUMS, SideArrays, Sums
from parity.verdict import (
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


def judge_arrays(
    reference: SideArrays,
    candidate: SideArrays,
    *,
    is_plain_input: bool,
    sums: Sums = NO_SUMS,
    rough_difference: float = 0.0,
    may_be_missing: bool = False,
) -> Judgement | None:
    """Judge one tensor.

    Args:
        reference: the reference's results.
        candidate: the candidate's.
        is_plain_input: whether the input is one that models meet; if not, a reference that is not
            finite says nothing.
        sums: what is known of the sums behind the tensor.
        rough_difference: by how much the sides' difference is drawn anew, see `Measured`.
        may_be_missing: whether a tensor that the candidate does not reach is judged elsewhere.

    Returns:
        The judgement; None where nothing is to be said here.
    """
    expected, actual = reference.float64, candidate.float64
    if expected is None:
        return cannot_judge(Cause.ONLY_IN_CANDIDATE)
    if actual is None:
        if not is_plain_input and not _all_finite(expected):
            return None
        return None if may_be_missing else cannot_judge(Cause.MISSING_IN_CANDIDATE)
    mismatch = _mismatch(expected, actual)
    if mismatch is not None:
        return mismatch
    if not is_float(expected):
        return judge_exact(np.array_equal(expected, actual.reshape(expected.shape)))
    pairs: tuple[tuple[Precision, Array, Array | None], ...] = (
        ("float64", expected, actual),
        ("float32", _given(reference.float32), candidate.float32),
    )
    for precision, of_reference, of_candidate in pairs:
        side = _side_not_finite(of_reference, of_candidate)
        if side == "reference" and not is_plain_input:
            return None
        if side is not None:
            return error(Cause.NOT_FINITE, side=side, precision=precision)
    lower = _lower_precision(expected, actual)
    if lower is not None:
        return lower
    judgement = _judge_floats(reference, candidate, is_plain_input, sums, rough_difference)
    return replace(judgement, not_finite=_count_not_finite(reference))


def located(judgement: Judgement, reference: SideArrays, candidate: SideArrays) -> Judgement:
    """Return a judgement; where the sides are proven to differ, with the places in the tensor.

    Args:
        judgement: what `judge_arrays` returned.
        reference: the reference's results.
        candidate: the candidate's.
    """
    is_finite = judgement.verdict is Verdict.SEMANTIC_DIFFERENCE
    if not is_finite and judgement.cause is not Cause.NOT_FINITE:
        return judgement
    expected, actual = _given(reference.float64), candidate.float64
    if judgement.precision == "float32":
        weaker = reference if judgement.side == "reference" and is_finite else candidate
        expected = expected if is_finite else _given(reference.float32)
        actual = weaker.float32
    if actual is None or actual.size != expected.size:
        return judgement
    limit = K * judgement.noise * (judgement.scale or 1.0) if is_finite else sys.float_info.max
    return replace(judgement, difference=difference_of(expected, actual, limit))


def measure(
    reference: SideArrays,
    candidate: SideArrays,
    *,
    sums: Sums = NO_SUMS,
    rough_difference: float = 0.0,
) -> Measured:
    """Measure the distances of one tensor, all four of whose arrays are floats of one size.

    Elements that are not finite on both sides are left out.

    Args:
        reference: the reference's results.
        candidate: the candidate's.
        sums: what is known of the sums behind the tensor.
        rough_difference: by how much the sides' difference is drawn anew, see `Measured`.
    """
    expected, actual, reference32, candidate32 = _finite_elements(reference, candidate)
    return Measured(
        scale=magnitude(expected),
        semantic=distance(actual, expected),
        reference_error=distance(reference32, expected),
        candidate_error=distance(candidate32, expected),
        candidate_rounding=distance(candidate32, actual),
        reference_spread=finite(reference.spread32),
        candidate_spread=finite(candidate.spread32),
        double_spread=max(finite(reference.spread64), finite(candidate.spread64)),
        cancellation_scale=sums.cancellation_scale,
        terms=sums.terms,
        terms_alike=sums.alike,
        rough_difference=rough_difference,
        identical=np.array_equal(actual, expected) and np.array_equal(candidate32, reference32),
        epsilon=reference.epsilon,
        candidate_epsilon=candidate.epsilon,
    )


def _finite_elements(reference: SideArrays, candidate: SideArrays) -> list[Array]:
    """Return float64 and float32 arrays of one shape, with 0 where one of them is not finite.

    There both sides hold the same, see `_side_not_finite`.
    """
    expected = _given(reference.float64)
    others = (candidate.float64, reference.float32, candidate.float32)
    arrays = [expected, *(_given(array).reshape(expected.shape) for array in others)]
    if all(map(_all_finite, arrays)):
        return arrays
    finite_everywhere = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    return [np.where(finite_everywhere, array, 0) for array in arrays]


def _count_not_finite(reference: SideArrays) -> int:
    arrays = _given(reference.float64), _given(reference.float32)
    if all(map(_all_finite, arrays)):
        return 0
    wide, single = (np.isfinite(array) for array in arrays)
    return int(np.count_nonzero(~(wide & single.reshape(wide.shape))))


def _given(array: Array | None) -> Array:
    assert array is not None
    return array


def _mismatch(expected: Array, actual: Array) -> Judgement | None:
    if not is_same_shape(expected.shape, actual.shape):
        return error(Cause.SHAPE, compared=(str(expected.shape), str(actual.shape)))
    kinds = [array.dtype.kind for array in (expected, actual)]
    if is_float(expected) != is_float(actual) or (kinds[0] == "c") != (kinds[1] == "c"):
        return error(Cause.DTYPE, compared=(str(expected.dtype), str(actual.dtype)))
    return None


def _lower_precision(expected: Array, actual: Array) -> Judgement | None:
    sides: tuple[tuple[Role, Array], ...] = (("reference", expected), ("candidate", actual))
    for side, array in sides:
        numbers = 2 if array.dtype.kind == "c" else 1
        if is_float(array) and array.dtype.itemsize < 8 * numbers:
            lower = cannot_judge(Cause.LOWER_PRECISION, side)
            return replace(lower, compared=(str(expected.dtype), str(actual.dtype)))
    return None


def _side_not_finite(reference: Array, candidate: Array | None) -> Role | None:
    """Return the side that is not finite where the other is, or is otherwise; None if neither.

    The same infinities and NaN at the same places, of a mask for example, are agreement.
    """
    if candidate is None or candidate.size != reference.size:
        return "candidate"
    if _all_finite(reference) and _all_finite(candidate):
        return None
    candidate = candidate.reshape(reference.shape)
    alike = same_not_finite(reference, candidate)
    if not np.isfinite(reference[~alike]).all():
        return "reference"
    return None if np.isfinite(candidate[~alike]).all() else "candidate"


def _judge_floats(
    reference: SideArrays,
    candidate: SideArrays,
    is_plain_input: bool,
    sums: Sums,
    rough_difference: float,
) -> Judgement:
    measured = measure(reference, candidate, sums=sums, rough_difference=rough_difference)
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
    return replace(judgement, scale=measured.scale, varies=measured.varies)


def _all_finite(array: Array) -> bool:
    # A NaN among real numbers comes out of the extremes; no array of flags is made.
    if array.dtype.kind == "f":
        return bool(np.isfinite(magnitude(array)))
    return bool(np.isfinite(array).all())
