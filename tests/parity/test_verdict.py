from __future__ import annotations

from typing import Any

import pytest

from parity.limits import PRECISION_RATIO, K
from parity.verdict import Cause, Measured, Verdict, judge

NOISE = 1e-6


def measured(**changes: Any) -> Measured:
    """Distances of two correct sides, unless changed."""
    usual: dict[str, Any] = {
        "scale": 1.0,
        "semantic": NOISE * PRECISION_RATIO,
        "reference_error": NOISE,
        "candidate_error": NOISE,
        "candidate_rounding": NOISE,
        "reference_spread": NOISE,
        "candidate_spread": NOISE,
    }
    return Measured(**{**usual, **changes})


def test_bitwise_equality_is_identity() -> None:
    assert judge(measured(identical=True, semantic=0.0)).verdict is Verdict.IDENTICAL


def test_rounding_is_noise() -> None:
    assert judge(measured()).verdict is Verdict.WITHIN_NOISE


@pytest.mark.parametrize(
    ("factor", "word"), [(0.99, "WITHIN_NOISE"), (1.01, "SEMANTIC_DIFFERENCE")]
)
def test_the_line_in_float64_is_k_times_the_noise_times_the_ratio(factor: float, word: str) -> None:
    assert judge(measured(semantic=factor * K * NOISE * PRECISION_RATIO)).verdict.name == word


def test_losing_digits_on_either_side_is_named() -> None:
    lost = 2 * K * NOISE
    weak = judge(measured(candidate_error=lost, candidate_rounding=lost, candidate_spread=lost))
    assert (weak.verdict, weak.cause, weak.side) == (
        Verdict.NUMERICALLY_WEAKER,
        Cause.LOSES_DIGITS,
        "candidate",
    )
    weak = judge(measured(reference_error=lost, reference_spread=lost))
    assert (weak.verdict, weak.cause, weak.side) == (
        Verdict.NUMERICALLY_WEAKER,
        Cause.LOSES_DIGITS,
        "reference",
    )


def test_a_float32_error_that_no_rounding_explains_is_another_function() -> None:
    wrong = 2 * K * NOISE
    found = judge(measured(candidate_error=wrong, candidate_rounding=wrong))
    assert found.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert (found.cause, found.precision) == (Cause.FLOAT32_ONLY, "float32")
    probed = judge(measured(candidate_error=wrong, candidate_rounding=wrong), is_plain_input=False)
    assert probed.verdict is Verdict.NUMERICALLY_WEAKER


def test_a_vanishing_gradient_is_judged_on_what_flows_beside_it() -> None:
    tiny: dict[str, Any] = {
        "scale": 1e-29,
        "semantic": 2e-29,
        "reference_error": 1e-29,
        "candidate_error": 1e-29,
        "candidate_rounding": 0.0,
        "reference_spread": 0.0,
        "candidate_spread": 0.0,
    }
    assert judge(measured(**tiny)).verdict is Verdict.SEMANTIC_DIFFERENCE
    assert judge(measured(**tiny, cancellation_scale=1.0)).verdict is Verdict.WITHIN_NOISE


@pytest.mark.parametrize("field", ["semantic", "candidate_error", "reference_error"])
def test_nan_is_never_let_through(field: str) -> None:
    assert not judge(measured(**{field: float("nan")})).verdict.passes(strict=True)


def test_what_the_gate_lets_through() -> None:
    passing = [verdict.name for verdict in Verdict if verdict.passes()]
    assert passing == ["IDENTICAL", "WITHIN_NOISE", "NUMERICALLY_WEAKER"]
    assert not Verdict.NUMERICALLY_WEAKER.passes(strict=True)


def test_a_candidate_in_half_precision_alone_is_told_so() -> None:
    low = 2.0**-10
    far = measured(candidate_error=low, candidate_rounding=low)
    assert judge(far).cause is Cause.FLOAT32_ONLY
    weaker = judge(measured(candidate_error=low, candidate_rounding=low, candidate_epsilon=low))
    assert (weaker.verdict, weaker.side) == (Verdict.SEMANTIC_DIFFERENCE, "candidate")
    assert weaker.cause is Cause.COARSER
    both = {"candidate_error": low, "reference_error": low, "candidate_rounding": low}
    assert judge(measured(**both, epsilon=low, candidate_epsilon=low)).verdict is (
        Verdict.WITHIN_NOISE
    )


def test_sums_of_terms_that_are_alike_may_round_them_alike() -> None:
    """Measured on a convolution of 2,048 terms far below its bias: 60 ulps, and no spread."""
    ulp = 2.0**-53
    quiet = {
        "semantic": 60 * ulp, "reference_error": 0.0, "candidate_error": 0.0,
        "candidate_rounding": 0.0, "reference_spread": 0.0, "candidate_spread": 0.0,
    }  # fmt: skip

    def verdict(**changes: Any) -> Verdict:
        return judge(measured(**{**quiet, **changes}), is_plain_input=False).verdict

    assert verdict(terms=2048.0, terms_alike=True) is Verdict.WITHIN_NOISE
    assert verdict(terms=2048.0, terms_alike=False) is Verdict.SEMANTIC_DIFFERENCE
    assert verdict(terms=1.0, terms_alike=True) is Verdict.SEMANTIC_DIFFERENCE
    assert verdict(terms=2048.0, terms_alike=True, semantic=2e-13) is Verdict.SEMANTIC_DIFFERENCE
