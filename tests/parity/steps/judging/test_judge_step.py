"""From two sides' training steps to findings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity.limits import FLOAT32_EPSILON, NEVER_ROUNDING, K
from parity.report.finding import Finding
from parity.steps import sites
from parity.steps.judging.judge_step import judge_once, judge_step, worst_of
from parity.steps.judging.known import RUNNING_VAR
from parity.steps.judging.measuring import UNKNOWN
from parity.steps.step_data import Call, Measure, OptimizerStep, TrainingStep
from parity.trace.sites import TensorSite
from parity.verdict import Cause, Verdict

ULP = FLOAT32_EPSILON
BFLOAT16 = 2.0**-7


def measure(values: Any, dtype: Any = np.float32, **others: Any) -> Measure:
    return Measure(np.array(values, dtype), **others)


def both(values: Any) -> Measure:
    """Return what was measured in both precisions."""
    return Measure(np.array(values, np.float32), np.array(values, np.float64))


ONE = measure([1.0, -4.0])
# Name -> (reference, candidate, verdict, cause, side).
ONCE: dict[str, tuple[Measure, Measure, Verdict, Cause | None, str | None]] = {
    "equal": (ONE, ONE, Verdict.IDENTICAL, None, None),
    "another zero": (measure([0.0]), measure([-0.0]), Verdict.IDENTICAL, None, None),
    "one ulp": (ONE, measure([1.0, -4.0 * (1 + ULP)]), Verdict.WITHIN_NOISE, None, None),
    "K half ulps of the largest element": (
        ONE, measure([1.0 + K * 4 * ULP / 2, -4.0]), Verdict.WITHIN_NOISE, None, None,
    ),
    "beyond them": (
        ONE, measure([1.0 + K * 4 * ULP, -4.0]), Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "spread of the candidate": (
        ONE, measure([1.0 + 2.0**-10, -4.0], spread32=2.0**-15), Verdict.WITHIN_NOISE, None, None,
    ),
    "spread of the reference": (
        measure([1.0], spread32=2.0**-15), measure([1.0 + 2.0**-10]),
        Verdict.WITHIN_NOISE, None, None,
    ),
    "beyond the spread": (
        measure([1.0], spread32=2.0**-15), measure([1.0 + 2.0**-9]),
        Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "unknown, too small to be certain": (
        measure([1.0], spread32=UNKNOWN), measure([1.0 + NEVER_ROUNDING], spread32=UNKNOWN),
        Verdict.ABSTAIN, Cause.UNKNOWN_ROUNDING, None,
    ),
    "unknown, too large": (
        measure([1.0], spread32=UNKNOWN), measure([1.0 + 1.01 * NEVER_ROUNDING], spread32=UNKNOWN),
        Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "unknown on one side": (
        measure([1.0], spread32=UNKNOWN), measure([1.0 + NEVER_ROUNDING]),
        Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "unknown and an ulp": (
        measure([1.0], spread32=UNKNOWN), measure([1.0 + ULP], spread32=UNKNOWN),
        Verdict.WITHIN_NOISE, None, None,
    ),
    "coarser candidate": (
        measure([1.0]), measure([1.0 + BFLOAT16], epsilon=BFLOAT16),
        Verdict.SEMANTIC_DIFFERENCE, Cause.COARSER, "candidate",
    ),
    "coarser reference": (
        measure([1.0], epsilon=BFLOAT16), measure([100.0]),
        Verdict.SEMANTIC_DIFFERENCE, Cause.COARSER, "reference",
    ),
    "coarse on both sides": (
        measure([1.0], epsilon=BFLOAT16), measure([1.0 + BFLOAT16], epsilon=BFLOAT16),
        Verdict.WITHIN_NOISE, None, None,
    ),
    "NaN in the candidate": (
        ONE, measure([1.0, np.nan]), Verdict.ERROR, Cause.NOT_FINITE, "candidate",
    ),
    "infinity in the reference": (
        measure([np.inf]), measure([1.0]), Verdict.ERROR, Cause.NOT_FINITE, "reference",
    ),
    "the same infinity": (
        measure([np.inf, 1.0]), measure([np.inf, 1.0]), Verdict.IDENTICAL, None, None,
    ),
    "another shape": (ONE, measure([1.0]), Verdict.ERROR, Cause.SHAPE, None),
    "a framework without scalars": (
        measure(2.0), measure([2.0]), Verdict.IDENTICAL, None, None,
    ),
    "another dtype": (measure([1.0]), measure([1], np.int64), Verdict.ERROR, Cause.DTYPE, None),
    "integers of another width": (
        measure([3], np.int64), measure([3], np.int32), Verdict.IDENTICAL, None, None,
    ),
    "integers": (
        measure([300], np.int64), measure([301], np.int64),
        Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "booleans": (
        measure(True, bool), measure(False, bool), Verdict.SEMANTIC_DIFFERENCE, None, None,
    ),
    "empty": (measure([]), measure([]), Verdict.IDENTICAL, None, None),
    "zeros and one": (measure([0.0]), measure([1e-30]), Verdict.SEMANTIC_DIFFERENCE, None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_what_each_side_computed_once(name: str) -> None:
    reference, candidate, verdict, cause, side = ONCE[name]
    judgement = judge_once(reference, candidate)
    assert (judgement.verdict, judgement.cause, judgement.side) == (verdict, cause, side)


def test_the_error_is_relative_to_the_largest_value_of_the_reference() -> None:
    judgement = judge_once(ONE, measure([1.5, -4.0]))
    assert judgement.precision == "float32"
    assert judgement.scale == 4
    assert judgement.error == 0.5 / 4
    assert judgement.noise == ULP / 2


def test_terms_that_cancel_are_rounded_by_their_own_size() -> None:
    one, other = measure([1.0]), measure([1.0 + 2.0**-12])
    assert judge_once(one, other).verdict is Verdict.SEMANTIC_DIFFERENCE
    assert judge_once(one, other, scale=1000.0).verdict is Verdict.WITHIN_NOISE


def test_a_sum_of_many_terms_is_rounded_by_the_root_of_their_number() -> None:
    differing = measure([1.0 + K * ULP])
    assert judge_once(measure([1.0]), differing).verdict is Verdict.SEMANTIC_DIFFERENCE
    # The limit is half an ulp times the root, once that is more than K.
    for terms, verdict in ((K**2, "SEMANTIC_DIFFERENCE"), (4 * K**2, "WITHIN_NOISE")):
        judgement = judge_once(measure([1.0], terms=terms), differing)
        assert judgement.verdict is Verdict[verdict]


LOSS = sites.loss("", 0)
WEIGHT = sites.weight("net.weight", 0)
BATCH = sites.batch(0, "0")


def step_of(measures: dict[TensorSite, Measure], number: int = 3) -> TrainingStep:
    return TrainingStep(number, measures=measures)


def judged(
    reference: dict[TensorSite, Measure], candidate: dict[TensorSite, Measure], **options: Any
) -> dict[TensorSite, Finding]:
    findings = judge_step(step_of(reference), step_of(candidate), **options)
    assert all(finding.step == 3 for finding in findings)
    return {finding.site._replace(step=None): finding for finding in findings}


def test_what_was_measured_in_both_precisions_is_judged_in_float64() -> None:
    # 2^-30 is rounding in float32, and none in float64.
    reference, candidate = both([1.0]), both([1.0 + 2.0**-30])
    np.testing.assert_array_equal(reference.float32, candidate.float32)
    finding = judged({WEIGHT: reference}, {WEIGHT: candidate})[WEIGHT]
    assert finding.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert finding.precision == "float64"
    for one, other in ((reference, measure([1.0])), (measure([1.0]), candidate)):
        assert judged({WEIGHT: one}, {WEIGHT: other})[WEIGHT].verdict is Verdict.IDENTICAL


def test_a_gradient_may_be_rounding_of_its_modules_larger_terms() -> None:
    key, value = sites.gradient("net.bias", 0), sites.gradient("net.weight", 0)
    one = {value: both([1e4]), key: measure([0.0])}
    other = {value: both([1e4]), key: measure([2e-4])}
    assert judged({key: one[key]}, {key: other[key]})[key].is_fault
    # The bias has its own group, that of its label, so it is compared with other biases.
    sibling = sites.gradient("net.bias", 1)
    one[sibling] = other[sibling] = both([1e4])
    assert judged(one, other)[key].verdict is Verdict.WITHIN_NOISE


def test_a_tensor_that_the_candidate_does_not_reach_cannot_be_judged() -> None:
    finding = judged({LOSS: measure(1.0), WEIGHT: both([1.0])}, {LOSS: measure(1.0)})[WEIGHT]
    assert finding.verdict is Verdict.ABSTAIN
    assert finding.cause is Cause.MISSING_IN_CANDIDATE
    assert not finding.passes()


@pytest.mark.parametrize(
    "site",
    [BATCH, sites.setting("w", "eps", 0), sites.buffer("norm.num_batches"), sites.mode("", 0)],
)
def test_what_a_framework_need_not_have_is_not_missed(site: TensorSite) -> None:
    assert judged({site: measure(1.0)}, {}) == {}


def test_own_data_leaves_the_data_out_and_nothing_else() -> None:
    given = sites.model_input("", 0, "x")
    reference = {BATCH: measure([1.0]), given: measure([1.0]), LOSS: measure(1.0)}
    candidate = {BATCH: measure([2.0]), given: measure([2.0]), LOSS: measure(2.0)}
    assert all(finding.is_fault for finding in judged(reference, candidate).values())
    assert list(judged(reference, candidate)) == [BATCH, given, LOSS]
    assert list(judged(reference, candidate, own_data=True)) == [LOSS]


def taken(optimizer: str) -> OptimizerStep:
    return OptimizerStep(optimizer, [], {}, {}, {}, {}, {}, 1, 1, {}, {}, {}, {})


def test_numbers_of_calls_and_steps_are_compared() -> None:
    reference, candidate = TrainingStep(0), TrainingStep(0)
    for step in (reference, candidate):
        step.weights = {"": [{}], "net": [{}]}
        step.calls = [Call("", 0, True)]
        step.optimizer_steps = [taken("adam")]
    assert judge_step(reference, candidate) == []
    candidate.calls.append(Call("", 0, True))
    reference.calls.append(Call("net", 0, True))
    candidate.optimizer_steps.append(taken("adam"))
    findings = judge_step(reference, candidate)
    assert [(f.label, f.compared) for f in findings] == [
        ("calls of the model", ("1", "2")),
        ("calls of net", ("1", "0")),
        ("steps of adam", ("1", "2")),
    ]
    assert all(f.cause is Cause.OTHER_STRUCTURE and f.is_fault for f in findings)


def batch_norm_step(variance: float) -> TrainingStep:
    site = sites.buffer("norm.running_var")
    step = step_of({site: both([0.9 + 0.1 * variance])})
    step.weights = {"": [{"norm.running_var": np.ones(1, np.float32)}]}
    step.calls = [Call("", 0, True)]
    return step


def test_a_known_divergence_is_named_and_passes_only_if_it_is_accepted() -> None:
    reference, candidate = batch_norm_step(2.0), batch_norm_step(2.0 * 7 / 8)
    momentum = {"norm": 0.1}
    (finding,) = judge_step(reference, candidate, momentum=momentum)
    assert finding.known == RUNNING_VAR
    assert not finding.passes()
    accept = {RUNNING_VAR: "the biased one is meant", "another": "no"}
    (finding,) = judge_step(reference, candidate, momentum=momentum, accept=accept)
    assert finding.allowance == "the biased one is meant"
    assert finding.passes(strict=True)
    assert finding.is_fault
    (finding,) = judge_step(reference, candidate, momentum=momentum, accept={"another": "no"})
    assert not finding.passes()
    (finding,) = judge_step(reference, candidate, accept=accept)
    assert finding.known is None
    assert not finding.passes()


def test_the_worst_finding_of_each_place_is_kept_in_the_order_of_events() -> None:
    values = (1.0, 1.0 + ULP, 2.0, 1.0 + 2 * ULP)
    steps = [
        judge_step(step_of({LOSS: ONE, WEIGHT: both([1.0])}, n), step_of({LOSS: ONE, WEIGHT: m}, n))
        for n, m in enumerate(both([value]) for value in values)
    ]
    worst = worst_of(steps)
    assert [f.quantity for f in worst] == ["loss", "parameter"]
    assert [f.step for f in worst] == [0, 1]
    assert worst[1].verdict is Verdict.SEMANTIC_DIFFERENCE
    assert worst_of([]) == []
