"""A report ends with what to do next, from its data; causes and refusals have a word for it."""

from __future__ import annotations

from typing import Any

import pytest

from parity import Finding, Report, Verdict
from parity.diagnose.next_steps import ADVICE, OF_CAUSE, REFUSALS, SHOWN, advice, next_step
from parity.report.known_divergences import DIVERGENCES
from parity.verdict import Cause


def finding(verdict: Verdict, **given: Any) -> Finding:
    settings: dict[str, Any] = {"path": "a", "phase": "forward", "error": 1.0, "noise": 0.0}
    return Finding(verdict=verdict, **{**settings, **given})


def step(*findings: Finding) -> str:
    return next_step(Report(pair="p", findings=findings))


GOOD, BAD = finding(Verdict.WITHIN_NOISE), finding(Verdict.SEMANTIC_DIFFERENCE, path="b")
TRAINED = finding(Verdict.IDENTICAL, phase="optimizer", scope="step", quantity="parameter")
KNOWN = finding(Verdict.SEMANTIC_DIFFERENCE, known="jittor.adam.eps")


@pytest.mark.parametrize(
    ("findings", "text"),
    [
        ([], "return tensors"),
        ([GOOD], "compare a training step: optimizer={…}"),
        ([GOOD, TRAINED], "run this in CI, with --strict"),
        ([TRAINED], "run this in CI, with --strict"),
        ([finding(Verdict.IDENTICAL, scope="loop")], "keep the record"),
        ([GOOD, finding(Verdict.NUMERICALLY_WEAKER)], "digits lost on one side"),
        ([GOOD, KNOWN], 'accept={"jittor.adam.eps": "the reason"}'),
        ([GOOD, finding(Verdict.ABSTAIN, path="x.y")], 'allow={"x.y": "the reason"}'),
        ([GOOD, BAD], "repair the first place alone"),
        ([KNOWN, BAD], "repair the first place alone"),
        ([BAD, finding(Verdict.ABSTAIN)], "repair the first place alone"),
    ],
)
def test_each_ending_has_a_step_of_one_line(findings: list[Finding], text: str) -> None:
    assert text in step(*findings)
    assert "\n" not in step(*findings)
    assert len(step(*findings)) <= 100


def test_what_was_accepted_needs_no_step() -> None:
    accepted = finding(
        Verdict.SEMANTIC_DIFFERENCE, known="jittor.adam.eps", allowance="below 1e-5 of an update"
    )
    assert step(accepted, GOOD) == step(GOOD)


def test_advice_goes_by_divergence_then_cause_then_verdict() -> None:
    assert advice(KNOWN) == DIVERGENCES["jittor.adam.eps"].workaround
    assert advice(finding(Verdict.ERROR, cause=Cause.SHAPE)) == OF_CAUSE[Cause.SHAPE]
    assert advice(BAD) == ADVICE[Verdict.SEMANTIC_DIFFERENCE]


def test_nothing_is_left_without_advice() -> None:
    assert list(OF_CAUSE) == list(Cause)
    assert [v for v in Verdict if v.rank > Verdict.WITHIN_NOISE.rank] == sorted(
        ADVICE, key=lambda verdict: verdict.rank
    )
    assert set(REFUSALS) >= SHOWN
    texts = [*OF_CAUSE.values(), *ADVICE.values(), *(r.remedy for r in REFUSALS.values())]
    assert all(text and "\n" not in text and len(text) <= 110 for text in texts)
