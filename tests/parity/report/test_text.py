"""The text that a person reads."""

from __future__ import annotations

import math
from typing import Any

from parity import Finding, Report, Verdict
from parity.diagnose.next_steps import ADVICE
from parity.report.text import amount, describe, headline, summary_lines
from parity.trace.sites import Boundary, Segment
from parity.verdict import Cause


def finding(path: str, verdict: Verdict = Verdict.WITHIN_NOISE, **options: Any) -> Finding:
    settings: dict[str, Any] = {
        "phase": "forward", "error": 1e-7, "noise": 2e-7, **options,
    }  # fmt: skip
    return Finding(path=path, verdict=verdict, **settings)


def report(*findings: Finding, **options: Any) -> Report:
    return Report(pair="net", findings=findings, seconds=1.25, **options)


def test_agreement_is_two_lines() -> None:
    assert describe(report(finding("a"), finding("b"))).splitlines() == [
        "net: agree (WITHIN_NOISE: differs, and float32 rounding explains it on both sides)",
        "  compared: 2 tensors (2 WITHIN_NOISE) in 1.2 s",
    ]


def test_nothing_compared_is_no_agreement() -> None:
    assert headline(report()) == "net: DISAGREE (ERROR: nothing was compared)"


def test_a_disagreement_shows_the_place_its_neighbours_and_what_to_do() -> None:
    wrong = finding(
        "c", Verdict.SEMANTIC_DIFFERENCE, error=0.5, noise=1e-16, confirmed=True,
        segment=Segment(Boundary("output", "x"), Boundary("input", "y")),
        hint="it is halved",
    )  # fmt: skip
    later = finding("f", Verdict.SEMANTIC_DIFFERENCE)
    text = describe(report(*map(finding, "ab"), wrong, *map(finding, "de"), later, notes=("n",)))
    assert "  note: n\n  at c, forward: output\n" in text
    assert "error 5.00e-01, noise 1.00e-16\n" in text
    assert "in the code between output of x and input of y" in text
    assert (
        "confirmed: with the reference's tensors injected after it and after 1 other fault, "
        "everything agrees" in text
    )
    assert "     likely: it is halved" in text
    around = text.partition("in order, each given the reference's own input:\n")[2].splitlines()[:5]
    assert [line.split(",")[0].strip(" >") for line in around] == list("abcde")
    assert around[2].startswith("   > c")
    assert "  1 more independent fault:\n     f, forward: output: SEMANTIC_DIFFERENCE" in text
    assert ADVICE[Verdict.SEMANTIC_DIFFERENCE] in text


def test_the_first_proven_fault_comes_before_a_place_that_could_not_be_judged() -> None:
    shown = report(
        finding(
            "a", Verdict.ABSTAIN, error=math.nan, noise=math.nan, cause=Cause.MISSING_IN_CANDIDATE
        ),
        finding(
            "b", Verdict.ERROR, error=math.inf, noise=0.0, cause=Cause.NOT_FINITE, side="reference"
        ),
    )
    assert shown.first_divergence is not None
    assert shown.first_divergence.path == "b"
    assert "at b, forward: output\n     the reference is not finite" in describe(shown)


def test_amounts_without_a_number_are_said_in_words() -> None:
    missing = finding("a", error=math.nan, cause=Cause.MISSING_IN_CANDIDATE)
    assert amount(missing) == "the candidate never reaches this tensor"
    assert amount(finding("a", cause=Cause.FLOAT32_ONLY)).endswith(
        "; in float32 only; float64 agrees"
    )


def test_the_summary_has_a_line_for_each_pair_and_a_place_for_each_failure() -> None:
    bad = report(finding("c", Verdict.SEMANTIC_DIFFERENCE))
    lines = summary_lines([report(finding("a")), bad])
    assert len(lines) == 3
    assert lines[0].endswith("in 1.2 s")
    assert lines[2].strip().startswith("at c, forward: output: SEMANTIC_DIFFERENCE")
