"""The rule that decides: six words, one table, one function.

No tolerance belongs to a layer. What rounding explains at a place is measured there, in float32,
and float64 must agree better by the ratio of the two precisions.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

# The one table of numbers that decide anything in this package.
FLOAT32_EPSILON = 2.0**-23
# How much finer float64 rounds than float32: 2^-52 / 2^-23.
PRECISION_RATIO = 2.0**-29
# How many times the measured noise a difference may be. Measured on correct code, torch against
# Jittor, three seeds: six pairs of the tiny U-Net and five example models of other kinds, six
# probes. The largest ratio met was 4.0 in float64 (7,155 places, median 0.15, 99.9th percentile
# 2.9) and 2.4 in float32 (2,036 places, 99.9th percentile 1.7). 32 is eight times the worst. Under
# the seventh probe, beyond float16, the six pairs stay at 1.0 and 1.6 (716 places, one seed).
K = 32.0
# One-ulp shifts whose spread is taken, on each side; three, so that a scalar's is not by chance 0.
SHIFTS = 3
# Ulps that one rounding may cost, where a table is compared with exact numbers.
EXACT_ULPS = 1.0
# Noise, relative to the result, from which on two correct free runs cannot be told from wrong ones.
HORIZON = 1e-2
# Chance of calling two samples of one initial distribution different, for each parameter.
INIT_SIGNIFICANCE = 1e-6

# How close, relative to the largest value, a guess must come in float64 to be offered as a hint.
RESEMBLANCE = 2.0**-33


class Verdict(enum.Enum):
    """What can be said of a place; ordered from harmless to worst."""

    IDENTICAL = "bitwise equal"
    WITHIN_NOISE = "differs, and float32 rounding explains it on both sides"
    NUMERICALLY_WEAKER = "same function, but one side loses digits that the other keeps"
    ABSTAIN = "cannot be judged"
    SEMANTIC_DIFFERENCE = "not the same function"
    ERROR = "NaN, shape, dtype or crash"

    @property
    def rank(self) -> int:
        """Return the place in the order from harmless to worst."""
        return list(Verdict).index(self)

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether the gate lets it through."""
        worst = Verdict.WITHIN_NOISE if strict else Verdict.NUMERICALLY_WEAKER
        return self.rank <= worst.rank


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Distances at one place, each a largest absolute difference; r reference, c candidate.

    Attributes:
        scale: largest absolute value of the reference in float64.
        semantic: |c64 - r64|.
        reference_error, candidate_error: |r32 - r64|, |c32 - r64|.
        candidate_rounding: |c32 - c64|.
        reference_spread, candidate_spread: largest |shifted - unshifted| in float32, over the
            one-ulp shifts of what flows in.
        double_spread: likewise in float64, with its own ulp, of either side. Where float32 has
            saturated, at a softmax of 1 say, its noise says nothing about float64's.
        cancellation_scale: magnitude of the terms summed into a gradient. Where they cancel, or
            behind a saturated softmax, rounding is relative to them and not to the gradient.
            0: use the gradient's own size.
        identical: bitwise equal in both precisions.
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
    identical: bool = False

    @property
    def floor(self) -> float:
        """Half a float32 ulp of the scale: less no rounding can be."""
        return max(self.scale, self.cancellation_scale) * FLOAT32_EPSILON / 2

    @property
    def noise(self) -> float:
        """What rounding in float32 does here on either side."""
        return max(
            self.floor,
            self.reference_error,
            self.candidate_rounding,
            self.reference_spread,
            self.candidate_spread,
        )

    @property
    def double_noise(self) -> float:
        """What rounding in float64 does here on either side."""
        return max(self.noise * PRECISION_RATIO, self.double_spread)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A verdict and what it rests on; `error` and `noise` are in units of the scale."""

    verdict: Verdict
    error: float
    noise: float
    reason: str = ""


def judge(m: Measured, *, is_plain_input: bool = True) -> Judgement:
    """Decide what the distances at one place mean.

    First, in float64: is it the same function? Rounding is there `PRECISION_RATIO` times what it is
    in float32, a wrong function is as wrong as before. Then, in float32: is each side as accurate
    as its own rounding and the other side's allow?

    Args:
        m: the distances.
        is_plain_input: whether the input is one that models meet. On constants and large offsets
            sums round every term alike, which one-ulp perturbations do not show; a loss of digits
            there is never called another function.
    """
    unit = m.scale or 1.0
    if m.identical:
        return Judgement(verdict=Verdict.IDENTICAL, error=0.0, noise=m.noise / unit)
    if not m.semantic <= K * m.double_noise:
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE,
            error=m.semantic / unit,
            noise=m.double_noise / unit,
        )
    return _judge_float32(m, unit, is_plain_input)


def _judge_float32(m: Measured, unit: float, is_plain_input: bool) -> Judgement:
    reference = max(m.floor, m.reference_error, m.reference_spread)
    own = max(m.floor, m.candidate_spread)
    if is_plain_input and not m.candidate_error <= K * max(reference, own):
        return Judgement(
            verdict=Verdict.SEMANTIC_DIFFERENCE,
            error=m.candidate_error / unit,
            noise=max(reference, own) / unit,
            reason="in float32 only; float64 agrees",
        )
    if not m.candidate_error <= K * reference:
        weaker, error, noise = "the candidate", m.candidate_error, reference
    elif not m.reference_error <= K * max(m.candidate_error, own):
        weaker, error, noise = "the reference", m.reference_error, max(m.candidate_error, own)
    else:
        return Judgement(
            verdict=Verdict.WITHIN_NOISE, error=m.candidate_error / unit, noise=m.noise / unit
        )
    return Judgement(
        verdict=Verdict.NUMERICALLY_WEAKER,
        error=error / unit,
        noise=noise / unit,
        reason=f"{weaker} loses digits",
    )
