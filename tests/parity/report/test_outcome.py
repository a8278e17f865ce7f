"""Properties that follow from findings: the verdict, the gate, the first divergence, the counts."""

from __future__ import annotations

import itertools

import pytest

from parity import Finding, Verdict
from parity.report.outcome import Outcome


def finding(verdict: Verdict, path: str = "", **fields: str) -> Finding:
    return Finding(path=path, phase="forward", verdict=verdict, error=0, noise=0, **fields)  # type: ignore[arg-type]


def outcome(*findings: Finding) -> Outcome:
    return Outcome(pair="p", findings=findings)


@pytest.mark.parametrize("verdicts", itertools.permutations(Verdict, 2))
def test_the_verdict_is_the_worst_wherever_it_stands(verdicts: tuple[Verdict, Verdict]) -> None:
    worst = max(verdicts, key=list(Verdict).index)
    assert outcome(*map(finding, verdicts)).verdict is worst


def test_nothing_compared_is_an_error_and_no_agreement() -> None:
    assert outcome().verdict is Verdict.ERROR
    assert not outcome().passed
    assert outcome().first_divergence is None


@pytest.mark.parametrize("verdict", Verdict)
def test_the_gate_lets_through_what_its_findings_do(verdict: Verdict) -> None:
    report = outcome(finding(Verdict.IDENTICAL), finding(verdict))
    assert report.passed is verdict.passes()
    assert report.passes(strict=True) is verdict.passes(strict=True)


def test_a_proven_fault_comes_before_a_tensor_that_cannot_be_judged() -> None:
    abstains, fault = finding(Verdict.ABSTAIN, "a"), finding(Verdict.SEMANTIC_DIFFERENCE, "b")
    later = finding(Verdict.ERROR, "c")
    assert outcome(finding(Verdict.IDENTICAL), abstains, fault, later).first_divergence is fault
    assert outcome(finding(Verdict.IDENTICAL), abstains).first_divergence is abstains


def test_what_is_allowed_is_neither_a_divergence_nor_a_verdict() -> None:
    allowed = finding(Verdict.ABSTAIN, allowance="it is random")
    report = outcome(finding(Verdict.WITHIN_NOISE), allowed)
    assert (report.verdict, report.passed) == (Verdict.WITHIN_NOISE, True)
    assert report.first_divergence is None
    assert report.counts == {"WITHIN_NOISE": 1, "ABSTAIN": 1}
