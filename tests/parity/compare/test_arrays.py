"""Two sides' arrays of one tensor: every reason not to subtract them, and what is then judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.compare.arrays import judge_arrays, located
from parity.limits import K
from parity.noise.side_arrays import SideArrays, Sums
from parity.verdict import Cause, Judgement, Verdict

VALUES = np.array([1.0, -2.0, 0.5])
ULP64 = 2.0**-52  # of 1, and 2.0 is the largest value


def side(float64: Any = VALUES, float32: Any = None, **noise: Any) -> SideArrays:
    """Return a side whose float32 run is the rounded float64 run, unless given."""
    exact = None if float64 is None else np.asarray(float64)
    if float32 is None and exact is not None:
        float32 = exact.astype(np.float32) if exact.dtype.kind == "f" else exact
    return SideArrays(float64=exact, float32=float32, **noise)


def judged(reference: SideArrays, candidate: SideArrays, **options: Any) -> Judgement:
    judgement = judge_arrays(reference, candidate, **{"is_plain_input": True, **options})
    assert judgement is not None
    return judgement


def test_equal_arrays_are_identical() -> None:
    assert judged(side(), side()).verdict is Verdict.IDENTICAL


@pytest.mark.parametrize(
    ("candidate", "verdict", "cause"),
    [
        (side(np.zeros(4)), Verdict.ERROR, Cause.SHAPE),
        (side(VALUES[None]), Verdict.ERROR, Cause.SHAPE),
        (side(np.array([1, 2, 3])), Verdict.ERROR, Cause.DTYPE),
        (side([1.0, np.nan, 0.5]), Verdict.ERROR, Cause.NOT_FINITE),
        (side([1.0, np.inf, 0.5]), Verdict.ERROR, Cause.NOT_FINITE),
        (side(VALUES, np.array([1, np.inf, 0], np.float32)), Verdict.ERROR, Cause.NOT_FINITE),
        (side(None), Verdict.ABSTAIN, Cause.MISSING_IN_CANDIDATE),
        (side(VALUES.astype(np.float32)), Verdict.ABSTAIN, Cause.LOWER_PRECISION),
        (side(rerun_difference=1e-12), Verdict.ABSTAIN, Cause.RERUNS_DIFFER),
        (side(rerun_difference=np.nan), Verdict.ABSTAIN, Cause.RERUNS_DIFFER),
    ],
)
def test_what_cannot_be_subtracted_has_a_cause(
    candidate: SideArrays, verdict: Verdict, cause: Cause
) -> None:
    judgement = judged(side(), candidate)
    assert (judgement.verdict, judgement.cause) == (verdict, cause)


def test_shapes_and_dtypes_are_kept_reference_first() -> None:
    assert judged(side(), side(np.zeros(4))).compared == ("(3,)", "(4,)")
    assert judged(side(), side(np.array([1, 2, 3]))).compared == ("float64", "int64")


@pytest.mark.parametrize("role", ["reference", "candidate"])
def test_the_side_that_a_cause_speaks_of_is_named(role: str) -> None:
    sides = {"reference": side(), "candidate": side()}
    sides[role] = side(rerun_difference=1e-12)
    assert judged(**sides).side == role


def test_a_number_of_no_dimension_is_one_of_one() -> None:
    assert judged(side(np.float64(3)), side(np.array([3.0]))).verdict is Verdict.IDENTICAL


def test_integers_are_equal_or_differ() -> None:
    integers = side(np.array([1, 2]))
    assert judged(integers, side(np.array([1, 2]))).verdict is Verdict.IDENTICAL
    assert judged(integers, side(np.array([1, 3]))).verdict is Verdict.SEMANTIC_DIFFERENCE
    large = np.array([2**45])  # beside which 1 would be rounding
    assert judged(side(large), side(large + 1)).verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_stress_input_that_the_reference_does_not_survive_says_nothing() -> None:
    for broken in (
        side([np.inf, 0.0, 0.0]),
        side(VALUES, np.array([np.nan, 0, 0], np.float32)),
    ):
        assert judge_arrays(broken, side(), is_plain_input=False) is None
        assert judged(broken, side()).verdict is Verdict.ERROR
        assert judged(broken, side()).side == "reference"


def test_what_only_the_candidate_has_is_no_agreement() -> None:
    judgement = judged(side(None), side())
    assert (judgement.verdict, judgement.cause) == (Verdict.ABSTAIN, Cause.ONLY_IN_CANDIDATE)


def test_an_argument_that_the_candidate_is_not_given_is_judged_elsewhere() -> None:
    assert judge_arrays(side(), side(None), is_plain_input=True, may_be_missing=True) is None


# The noise of these sides in float32 is half an ulp of 2.0 at least: 2^-23.
LIMIT = K * 2.0**-23 * 2.0**-29


@pytest.mark.parametrize(
    ("difference", "noise", "verdict"),
    [
        (0.9 * LIMIT, {}, "WITHIN_NOISE"),
        (1.1 * LIMIT, {}, "SEMANTIC_DIFFERENCE"),
        (1.1 * LIMIT, {"spread32": 2.0**-22}, "WITHIN_NOISE"),
        (1.1 * LIMIT, {"spread64": LIMIT / K * 2}, "WITHIN_NOISE"),
        (1.1 * LIMIT, {"spread64": np.inf, "spread32": np.nan}, "SEMANTIC_DIFFERENCE"),
        (1.1 * LIMIT, {"operation_spread": lambda: LIMIT / K * 2}, "WITHIN_NOISE"),
        (3 * LIMIT, {"operation_spread": lambda: LIMIT / K * 2}, "SEMANTIC_DIFFERENCE"),
    ],
)
def test_the_limit_is_the_larger_noise_of_both_sides(
    difference: float, noise: dict[str, Any], verdict: str
) -> None:
    moved = VALUES + np.array([difference, 0, 0])
    for reference, candidate in (
        (side(**noise), side(moved)),
        (side(), side(moved, **noise)),
    ):
        assert judged(reference, candidate).verdict.name == verdict


def test_a_gradient_of_larger_terms_has_their_rounding() -> None:
    moved = side(VALUES + np.array([50 * LIMIT, 0, 0]))
    assert judged(side(), moved).verdict is Verdict.SEMANTIC_DIFFERENCE
    assert judged(side(), moved, sums=Sums(200.0)).verdict is Verdict.WITHIN_NOISE


def test_operations_are_perturbed_only_where_that_may_change_the_verdict() -> None:
    def asked() -> float:
        raise AssertionError("six runs for nothing")

    assert judged(side(), side(operation_spread=asked)).verdict.passes()
    off = np.array([1, -2, 0.75], np.float32)  # in float32 alone
    judgement = judged(side(), side(VALUES, off, operation_spread=asked))
    assert judgement.cause is Cause.FLOAT32_ONLY


def places(reference: SideArrays, candidate: SideArrays) -> list[int] | None:
    """Return the indices at which a judged pair of vectors is said to differ."""
    judgement = located(judged(reference, candidate), reference, candidate)
    if judgement.difference is None:
        return None
    (axis,) = judgement.difference.axes
    assert axis.count == judgement.difference.count
    return [axis.first, axis.last]


def changed(array: Any, index: int, by: float) -> Any:
    other = np.array(array)
    other[index] += by
    return other


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_places_of_a_failing_tensor_are_those_changed(index: int) -> None:
    single = VALUES.astype(np.float32)
    assert places(side(), side(changed(VALUES, index, 1e-3))) == [index, index]
    assert places(side(), side(VALUES, changed(single, index, 1e-3))) == [index, index]
    assert places(side(), side(changed(VALUES, index, np.nan))) == [index, index]
    assert places(side(), side(VALUES, changed(single, index, np.inf))) == [index, index]
    integers = np.array([1, 2, 3])
    assert places(side(integers), side(changed(integers, index, 1))) == [index, index]


def test_a_reference_that_computes_coarser_has_the_places_at_which_it_does() -> None:
    coarse = changed(VALUES.astype(np.float32), 2, 2.0**-9)
    reference = side(VALUES, coarse, epsilon=2.0**-7)
    judgement = judged(reference, side())
    assert (judgement.cause, judgement.side) == (Cause.COARSER, "reference")
    assert places(reference, side()) == [2, 2]


def test_what_passes_or_cannot_be_subtracted_has_no_places() -> None:
    for candidate in (side(), side(np.zeros(4)), side(None), side(changed(VALUES, 0, 1e-16))):
        assert places(side(), candidate) is None
