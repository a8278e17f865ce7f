"""The rule that decides: six verdicts, and the functions that apply the numbers of `limits`.

No tolerance belongs to a layer. What rounding explains is measured for each tensor, in float32, and
float64 must agree better by the ratio of the two precisions. Every verdict of this package is made
here; those on random draws in `parity.compare.draws`, with these words.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from parity.limits import (
    EXACT_ULPS,
    FLOAT32_EPSILON,
    HORIZON,
    NEVER_ROUNDING,
    OTHER_KERNEL,
    PRECISION_RATIO,
    SATURATED,
    K,
)

if TYPE_CHECKING:
    from parity.base.difference import Difference

Role = Literal["reference", "candidate"]
# As in `parity.base.numerics`, from which this file stays apart: it decides on numbers alone.
Precision = Literal["float32", "float64"]


class Verdict(enum.Enum):
    """The outcome for one tensor; ordered from harmless to worst."""

    IDENTICAL = "bitwise equal"
    WITHIN_NOISE = "differs, and float32 rounding explains it on both sides"
    NUMERICALLY_WEAKER = "same function, but one side loses digits that the other keeps"
    ABSTAIN = "cannot be judged"
    SEMANTIC_DIFFERENCE = "not the same function"
    ERROR = "NaN, shape, dtype or crash"

    @property
    def rank(self) -> int:
        """Return the position in the order from harmless to worst."""
        return list(Verdict).index(self)

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether the gate lets it through."""
        worst = Verdict.WITHIN_NOISE if strict else Verdict.NUMERICALLY_WEAKER
        return self.rank <= worst.rank


class Cause(enum.Enum):
    """Why a verdict is what it is, where its name alone does not say."""

    SHAPE = "the shapes differ"
    OTHER_STRUCTURE = "the outputs are nested otherwise"
    NO_OUTPUT = "no output could be compared"
    TABLE_SHAPE = "a table has another number of values than the exact one"
    DTYPE = "the dtypes differ"
    NOT_FINITE = "one side is not finite"
    ONLY_IN_CANDIDATE = "the candidate makes a call that the reference does not"
    MISSING_IN_CANDIDATE = "the candidate does not reach this tensor"
    LOWER_PRECISION = "a side computes in a lower precision than it is run in"
    RERUNS_DIFFER = "a side gives another result when run again"
    FLOAT32_ONLY = "float64 agrees, float32 does not"
    COARSER = "a side computes in a lower precision than the other"
    LOSES_DIGITS = "a side loses digits that the other keeps"
    CONSTANT = "initial values: a constant on one side only, or another constant"
    DISTRIBUTION = "initial values: another distribution"
    OTHER_BUFFER = "a buffer is built with other values"
    OTHER_DRAW = "initial values: the same distribution, other numbers"
    INEXACT = "a table is further from exact arithmetic than its operations explain"
    RANDOM = "both sides draw random numbers of their own"
    RANDOM_ON_ONE_SIDE = "one side draws random numbers, the other does not"
    OTHER_DRAWS = "the sides draw other random numbers"
    UNKNOWN_ROUNDING = "too small to be told from rounding, which could not be measured"
    PAST_HORIZON = "rounding alone has grown to the size of the result"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Distances of one tensor, each a largest absolute difference; r reference, c candidate.

    Attributes:
        scale: largest absolute value of the reference in float64.
        semantic: |c64 - r64|.
        reference_error, candidate_error: |r32 - r64|, |c32 - r64|.
        candidate_rounding: |c32 - c64|.
        reference_spread, candidate_spread: largest |perturbed - unperturbed| in float32, over
            one-ulp perturbations of inputs and weights.
        double_spread: likewise in float64, with its own ulp, of either side. Where float32 has
            saturated, at a softmax of 1 say, its noise says nothing about float64's.
        cancellation_scale: magnitude of the terms summed into a gradient. Where they cancel, or
            behind a saturated softmax, rounding is relative to them and not to the gradient.
            0: use the gradient's own size.
        rough_difference: by how much |c64 - r64| is drawn anew when both sides' inputs change by
            less than the model can notice; 0 where that was not tried. Rounding is, a fault is not.
        terms: largest number of terms that may have been summed into an element. Rounding of a sum
            grows with its root, and one-ulp perturbations of the terms average out.
        terms_alike: whether the terms are alike, as those of a constant input. Then they may all
            be rounded alike, which no perturbation shows.
        identical: bitwise equal in both precisions.
        epsilon, candidate_epsilon: of the coarsest precision in which the reference, and the
            candidate, computes the tensor in a float32 run.
    """

    scale: float
    semantic: float
    reference_error: float
    candidate_error: float
    candidate_rounding: float
    reference_spread: float
    candidate_spread: float
    double_spread: float = 0.0
    cancellation_scale: float = 0.0
    rough_difference: float = 0.0
    terms: float = 1.0
    terms_alike: bool = False
    identical: bool = False
    epsilon: float = FLOAT32_EPSILON
    candidate_epsilon: float = FLOAT32_EPSILON

    @property
    def floor(self) -> float:
        """Half an ulp of the scale in the reference's precision, the least that rounding costs."""
        return max(self.scale, self.cancellation_scale) * self.epsilon / 2

    @property
    def candidate_floor(self) -> float:
        """Half an ulp of the scale in the candidate's precision."""
        return max(self.scale, self.cancellation_scale) * self.candidate_epsilon / 2

    @property
    def noise(self) -> float:
        """Rounding in float32, the larger of both sides."""
        return max(
            self.floor,
            self.reference_error,
            self.candidate_rounding,
            self.reference_spread,
            self.candidate_spread,
        )

    @property
    def double_noise(self) -> float:
        """Rounding in float64, the larger of both sides."""
        spreads = self.double_spread, self.rough_difference, self._summing_noise
        return max(self.noise * PRECISION_RATIO, *spreads)

    @property
    def _summing_noise(self) -> float:
        """Rounding in float64 of sums whose terms are all alike; 0 where they are not.

        Where small terms are added to a large one, a bias for example, each addition is rounded by
        the same part of an ulp, whatever the large one is: no change of the inputs draws it anew.
        """
        if not self.terms_alike:
            return 0.0
        size = max(self.scale, self.cancellation_scale)
        return size * FLOAT32_EPSILON / 2 * PRECISION_RATIO * float(self.terms**0.5)

    @property
    def varies(self) -> bool:
        """Whether the tensor changes with inputs and weights, on either side."""
        return max(self.reference_spread, self.candidate_spread, self.double_spread) > 0

    @property
    def may_be_rounding(self) -> bool:
        """Whether rounding can be as large as the difference in float64.

        What rounds in float64 rounds 2^29 times as much in float32, and is seen there, unless
        float32 uses another kernel or has lost every digit. A cast to float32 is no such rounding.
        """
        size = max(self.scale, self.cancellation_scale)
        largest = K * OTHER_KERNEL * PRECISION_RATIO * self.noise
        if self.noise >= SATURATED * size:
            largest = max(largest, NEVER_ROUNDING * size)
        return self.semantic <= largest


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict and what it rests on.

    Attributes:
        verdict: the outcome.
        error, noise: the distance and what rounding explains, both in units of the reference's
            largest value; NaN where nothing was measured.
        cause: why, where the verdict alone does not say.
        side: the side that the cause speaks of.
        precision: in which the difference shows.
        compared: what differs as text, reference first: two shapes or two dtypes.
        may_be_rounding: whether a difference is small enough, in float64, for more measurements to
            explain it, see `Measured`; or in float32 alone.
        not_finite: number of elements that are the same infinity, or NaN, on both sides; they were
            left out.
        scale: largest absolute value of the reference in float64; None where none was measured.
        varies: whether the tensor changes when inputs and weights do.
        difference: where in the tensor the sides differ, if they do.
    """

    verdict: Verdict
    error: float
    noise: float
    cause: Cause | None = None
    side: Role | None = None
    precision: Precision = "float64"
    compared: tuple[str, str] | None = None
    may_be_rounding: bool = False
    not_finite: int = 0
    scale: float | None = None
    varies: bool = True
    difference: Difference | None = None


def judge(m: Measured, *, is_plain_input: bool = True) -> Judgement:
    """Decide from the distances of one tensor.

    First, in float64: is it the same function? Rounding there is `PRECISION_RATIO` times what it is
    in float32, a wrong function is as wrong as before. Then, in float32: is each side as accurate
    as its own rounding and the other side's allow?

    Args:
        m: the distances.
        is_plain_input: whether the input is one that models meet. On others a loss of digits is
            never called another function.
    """
    unit = m.scale or 1.0
    if m.identical:
        return Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=m.noise / unit)
    if not m.semantic <= K * m.double_noise:
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE,
            error=m.semantic / unit,
            noise=m.double_noise / unit,
            may_be_rounding=m.may_be_rounding,
        )
    return _judge_float32(m, unit, is_plain_input)


def _judge_float32(m: Measured, unit: float, is_plain_input: bool) -> Judgement:
    reference = max(m.floor, m.reference_error, m.reference_spread)
    candidate = max(m.candidate_floor, m.candidate_spread)
    largest = max(reference, candidate, m.floor * m.terms**0.5)
    if is_plain_input and not m.candidate_error <= K * largest:
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE,
            error=m.candidate_error / unit,
            noise=largest / unit,
            cause=Cause.FLOAT32_ONLY,
            precision="float32",
            may_be_rounding=True,
        )
    weaker: Role
    if not m.candidate_error <= K * reference:
        weaker, error, noise = "candidate", m.candidate_error, reference
    elif not m.reference_error <= K * max(m.candidate_error, candidate):
        weaker, error, noise = "reference", m.reference_error, max(m.candidate_error, candidate)
    else:
        return Judgement(
            verdict=Verdict.WITHIN_NOISE,
            error=m.candidate_error / unit,
            noise=m.noise / unit,
            precision="float32",
        )
    # A cast that only one side makes is another program, whatever its size.
    epsilons = (m.epsilon, m.candidate_epsilon)
    of_weaker, of_other = epsilons if weaker == "reference" else epsilons[::-1]
    is_coarser = of_weaker > of_other
    return Judgement(
        verdict=Verdict.SEMANTIC_DIFFERENCE if is_coarser else Verdict.NUMERICALLY_WEAKER,
        error=error / unit,
        noise=noise / unit,
        cause=Cause.COARSER if is_coarser else Cause.LOSES_DIGITS,
        side=weaker,
        precision="float32",
    )


def is_rounding(distance: float, noise32: float) -> bool:
    """Tell whether float32's noise explains a distance in float64, which rounds finer."""
    return distance <= K * PRECISION_RATIO * noise32


def reruns_differ(difference: float, m: Measured) -> bool:
    """Tell whether a side's two identical runs in float64 lie further apart than rounding allows.

    Only half an ulp counts as rounding here: every other noise term is itself measured by reruns,
    so a nondeterministic operation would raise its own limit.
    """
    return not is_rounding(difference, m.floor)


def other_structure(structures: tuple[str, str]) -> Judgement:
    """Return the judgement of outputs that are nested otherwise, the reference's first."""
    return Judgement(
        verdict=Verdict.SEMANTIC_DIFFERENCE, error=1.0, noise=0.0, cause=Cause.OTHER_STRUCTURE,
        compared=structures,
    )  # fmt: skip


def judge_exact(equal: bool) -> Judgement:
    """Decide for integers and booleans, which equality alone decides."""
    verdict = Verdict.IDENTICAL if equal else Verdict.SEMANTIC_DIFFERENCE
    return Judgement(verdict=verdict, error=float(not equal), noise=0.0)


def other_constant() -> Judgement:
    """Return the judgement of initial values that are constant on one side, or another constant."""
    verdict = Verdict.SEMANTIC_DIFFERENCE
    return Judgement(verdict=verdict, error=1.0, noise=0.0, cause=Cause.CONSTANT)


def judge_distribution(statistic: float, critical: float, *, must_be_equal: bool) -> Judgement:
    """Decide whether two samples of initial values that are not equal are of one distribution.

    Args:
        statistic: distance of the two empirical distribution functions, in [0, 1].
        critical: the distance that chance exceeds with `INIT_SIGNIFICANCE`.
        must_be_equal: whether other numbers of the same distribution fail too.
    """
    if not statistic <= critical:
        verdict, cause = Verdict.SEMANTIC_DIFFERENCE, Cause.DISTRIBUTION
    elif must_be_equal:
        verdict, cause = Verdict.SEMANTIC_DIFFERENCE, Cause.OTHER_DRAW
    else:
        return Judgement(verdict=Verdict.WITHIN_NOISE, error=statistic, noise=critical)
    return Judgement(verdict=verdict, error=statistic, noise=critical, cause=cause)


def judge_buffer(distance: float, scale: float, *, equal: bool) -> Judgement:
    """Decide for a buffer as it was built, a table for example, float32 or exact.

    Args:
        distance: largest absolute difference.
        scale: largest absolute value of the reference's.
        equal: whether both are bitwise equal.
    """
    noise = FLOAT32_EPSILON / 2
    if equal:
        return Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=noise)
    error = distance / (scale or 1.0)
    if error <= K * noise:
        return Judgement(verdict=Verdict.WITHIN_NOISE, error=error, noise=noise)
    verdict, cause = Verdict.SEMANTIC_DIFFERENCE, Cause.OTHER_BUFFER
    return Judgement(verdict=verdict, error=error, noise=noise, cause=cause)


def judge_ulps(distances: dict[Role, float], operations: float, *, equal: bool) -> Judgement:
    """Decide for a table whose exact values are known; error and noise are in ulps.

    Args:
        distances: of each side from the exact values, in ulps of float64.
        operations: how many may each round once, on the longest way to a value.
        equal: whether both sides' tables are bitwise equal.
    """
    worst = max(distances, key=lambda side: distances[side])
    error, allowed = distances[worst], EXACT_ULPS * operations
    if not error <= allowed:
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE, error=error, noise=allowed, cause=Cause.INEXACT,
            side=worst,
        )  # fmt: skip
    verdict = Verdict.IDENTICAL if equal else Verdict.WITHIN_NOISE
    return Judgement(verdict=verdict, error=error, noise=allowed)


def reaches_horizon(judgement: Judgement) -> bool:
    """Tell whether float32's rounding has grown to where a free run says nothing any more.

    In float64 it is smaller by far, but how much smaller is known only as long as it grows in
    proportion to what caused it.
    """
    in_float64 = (
        judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and judgement.precision == "float64"
    )
    noise = judgement.noise / PRECISION_RATIO if in_float64 else judgement.noise
    return noise > HORIZON


def cannot_judge(cause: Cause, side: Role | None = None) -> Judgement:
    """Return the judgement of a tensor of which nothing can be said."""
    nan = float("nan")
    return Judgement(verdict=Verdict.ABSTAIN, error=nan, noise=nan, cause=cause, side=side)


def error(
    cause: Cause,
    *,
    side: Role | None = None,
    precision: Precision = "float64",
    compared: tuple[str, str] | None = None,
) -> Judgement:
    """Return the judgement of a tensor whose values cannot be compared at all."""
    return Judgement(
        verdict=Verdict.ERROR, error=float("inf"), noise=0.0, cause=cause, side=side,
        precision=precision, compared=compared,
    )  # fmt: skip
