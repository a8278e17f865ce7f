from __future__ import annotations

import numpy as np
import pytest

from parity.compare.initial_values import judge_initial
from parity.verdict import Cause, Verdict

RNG = np.random.default_rng(0)
NORMAL, OTHER_NORMAL = RNG.standard_normal((2, 2000))


@pytest.mark.parametrize(
    ("candidate", "must_be_equal", "verdict", "cause"),
    [
        (NORMAL, True, Verdict.IDENTICAL, None),
        (OTHER_NORMAL, False, Verdict.WITHIN_NOISE, None),
        (OTHER_NORMAL, True, Verdict.SEMANTIC_DIFFERENCE, Cause.OTHER_DRAW),
        (2 * OTHER_NORMAL, False, Verdict.SEMANTIC_DIFFERENCE, Cause.DISTRIBUTION),
        (np.zeros(2000), False, Verdict.SEMANTIC_DIFFERENCE, Cause.CONSTANT),
    ],
)
def test_initial_values_are_judged_by_equality_or_distribution(
    candidate: np.ndarray, must_be_equal: bool, verdict: Verdict, cause: Cause | None
) -> None:
    judgement = judge_initial(NORMAL, candidate, must_be_equal=must_be_equal)
    assert (judgement.verdict, judgement.cause) == (verdict, cause)


def test_another_constant_is_a_difference() -> None:
    judgement = judge_initial(np.ones(4), np.zeros(4), must_be_equal=False)
    assert judgement.cause is Cause.CONSTANT
