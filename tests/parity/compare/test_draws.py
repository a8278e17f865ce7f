"""Random draws of models decide nothing silently."""

from __future__ import annotations

from typing import Any

import pytest

from parity.compare.draws import judge_draws
from parity.verdict import Cause, Verdict


@pytest.mark.parametrize(
    ("reference", "candidate", "shared", "cause"),
    [
        ({}, {}, False, None),
        ({"normal": [4]}, {"normal": [4]}, False, Cause.RANDOM),
        ({"normal": [4]}, {"normal": [4]}, True, None),
        ({"normal": [4]}, {}, True, Cause.RANDOM_ON_ONE_SIDE),
        ({}, {"numpy": [0]}, False, Cause.RANDOM_ON_ONE_SIDE),
        ({"normal": [4]}, {"normal": [4, 4]}, True, Cause.OTHER_DRAWS),
        ({"normal": [4]}, {"uniform": [4]}, True, Cause.OTHER_DRAWS),
        ({"other": [4]}, {"other": [4]}, True, Cause.RANDOM),
    ],
)
def test_draws_at_a_place(reference: Any, candidate: Any, shared: bool, cause: Any) -> None:
    judgement = judge_draws(reference, candidate, shared=shared)
    assert (None if judgement is None else judgement.cause) is cause
    if cause is not None:
        assert judgement is not None
        assert (judgement.verdict is Verdict.ABSTAIN) == (cause is Cause.RANDOM)
