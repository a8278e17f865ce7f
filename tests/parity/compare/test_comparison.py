"""Two sides judged tensor by tensor: what either has, in the reference's order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.compare import comparison
from parity.compare.comparison import Comparison, judge_comparison
from parity.noise import cancellation_scale
from parity.noise.side_runner import FunctionRunner, Values
from parity.trace.sites import Tap, TensorSite
from parity.verdict import Cause, Verdict

OUTPUT = TensorSite("forward", "a", "output", owner="a")
GRADIENT = TensorSite("backward", "", "output_gradient", owner="a")
ARGUMENT = TensorSite("forward", "", "input", "x", "a", tap=Tap("a", 0, "input", "x"))
WEIGHT = TensorSite("backward", "a", "parameter_gradient", "weight", "a")


def runner(values: dict[TensorSite, Any]) -> FunctionRunner:
    def run(precision: str, perturbation: Any) -> Values:
        return {site: np.asarray(value, precision) for site, value in values.items()}

    return FunctionRunner(run)


def judged(reference: dict[TensorSite, Any], candidate: dict[TensorSite, Any], **options: Any):
    settings: dict[str, Any] = {
        "is_plain_input": True, "check_determinism": True,
        "cancellation_scale": cancellation_scale.none, **options,
    }  # fmt: skip
    sides = {"reference": runner(reference), "candidate": runner(candidate)}
    return judge_comparison(Comparison(**sides, **settings), seed=0)


def test_every_tensor_is_judged_by_its_own_values_in_the_references_order() -> None:
    result = judged({WEIGHT: [1.0], OUTPUT: [2.0]}, {OUTPUT: [2.1], WEIGHT: [1.0]})
    assert list(result) == [WEIGHT, OUTPUT]
    assert result[WEIGHT].verdict is Verdict.IDENTICAL
    assert result[OUTPUT].verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize("site", [OUTPUT, GRADIENT])
def test_a_call_that_only_the_candidate_makes_is_no_agreement(site: TensorSite) -> None:
    result = judged({}, {site: [1.0]})
    assert result[site].cause is Cause.ONLY_IN_CANDIDATE
    assert not result[site].verdict.passes()


def test_arguments_that_only_one_side_passes_are_judged_where_they_come_out() -> None:
    assert judged({ARGUMENT: [1.0]}, {}) == {}
    assert judged({}, {ARGUMENT: [1.0]}) == {}


def test_an_output_that_the_candidate_lacks_is_no_agreement() -> None:
    assert judged({OUTPUT: [1.0]}, {})[OUTPUT].cause is Cause.MISSING_IN_CANDIDATE


def test_the_terms_of_a_gradient_widen_its_own_limit_alone() -> None:
    def of_weight(site: TensorSite) -> float:
        return 1e6 if site == WEIGHT else 0.0

    reference, candidate = ({WEIGHT: [x], OUTPUT: [x]} for x in (1.0, 1 + 1e-11))
    result = judged(reference, candidate, cancellation_scale=of_weight)
    assert result[WEIGHT].verdict.passes()
    assert not result[OUTPUT].verdict.passes()


def test_a_stress_input_that_the_reference_does_not_survive_is_left_out() -> None:
    assert judged({OUTPUT: [np.nan]}, {OUTPUT: [1.0]}, is_plain_input=False) == {}


@pytest.mark.parametrize("cross_framework", [False, True])
def test_memory_is_given_back_between_two_frameworks(
    cross_framework: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(comparison, "give_back", lambda: calls.append(1))
    judged({OUTPUT: [1.0]}, {OUTPUT: [1.0]}, cross_framework=cross_framework)
    assert len(calls) == 2 * cross_framework
