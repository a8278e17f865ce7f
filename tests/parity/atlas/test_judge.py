"""Inject faults into PyTorch sources: the fault is the only difference between the sides."""

from __future__ import annotations

import pytest

from parity.atlas.backends import Backend
from parity.atlas.cases import ORDINARY, draw_inputs
from parity.atlas.entry import Entry, real
from parity.atlas.finding import OUTPUT, AtlasCause, ComparedTensor, Finding
from parity.atlas.judge import judge_numeric
from parity.atlas.output.text import description
from parity.verdict import Verdict

ONE_PASS = """m = x.mean(1, keepdim=True)
v = ((x * x).mean(1, keepdim=True) - m * m).clamp(min=0)
(x - m) / (v + 1e-5).sqrt()"""
GRADIENT = ComparedTensor("gradient", "x")
TWO_PASS = """m = x.mean(1, keepdim=True)
v = (x - m).square().mean(1, keepdim=True)
(x - m) / (v + 1e-5).sqrt()"""


def judge(
    reference: Backend, candidate: Backend, torch: str, other: str, case: str = ORDINARY,
) -> dict[ComparedTensor, Finding]:  # fmt: skip
    entry = Entry(name="injected", torch=torch, jittor=other, inputs={"x": real(3, 6)})
    findings = judge_numeric(entry, other, case, draw_inputs(entry, case), reference, candidate)
    return {finding.tensor: finding for finding in findings}


@pytest.mark.parametrize(
    ("torch", "other", "case", "verdict"),
    [
        ("x.exp()", "x.exp()", ORDINARY, Verdict.IDENTICAL),
        ("F.layer_norm(x, (6,))", TWO_PASS, ORDINARY, Verdict.WITHIN_NOISE),
        ("F.layer_norm(x, (6,))", ONE_PASS, ORDINARY, Verdict.WITHIN_NOISE),
        ("F.layer_norm(x, (6,))", ONE_PASS, "large offset", Verdict.NUMERICALLY_WEAKER),
        ("F.layer_norm(x, (6,))", TWO_PASS, "large offset", Verdict.WITHIN_NOISE),
        ("F.layer_norm(x, (6,))", TWO_PASS, "constant", Verdict.IDENTICAL),
        (
            "F.layer_norm(x, (6,))",
            TWO_PASS.replace("1e-5", "1e-6"),
            ORDINARY,
            Verdict.SEMANTIC_DIFFERENCE,
        ),
        ("F.silu(x)", "x * torch.sigmoid(x.clamp(min=-30))", ORDINARY, Verdict.WITHIN_NOISE),
        (
            "F.silu(x)",
            "x * torch.sigmoid(x.clamp(min=-30))",
            "saturated below",
            Verdict.SEMANTIC_DIFFERENCE,
        ),
        ("F.softplus(x)", "(1 + x.exp()).log()", "saturated below", Verdict.NUMERICALLY_WEAKER),
        ("F.relu(x)", "torch.where(x > 0, x, 0 * x.nan_to_num())", "nan", Verdict.ERROR),
        ("x.logsumexp(1)", "x.exp().sum(1).log()", "large offset", Verdict.ERROR),
        ("x.argmax(1)", "x.argmin(1)", ORDINARY, Verdict.SEMANTIC_DIFFERENCE),
        ("x.argmax(1)", "x.argmax(1).float()", ORDINARY, Verdict.ERROR),
        ("x.sum(1)", "x.sum(1, keepdim=True)", ORDINARY, Verdict.ERROR),
        ("x.sum()", "x.sum().reshape(1)", ORDINARY, Verdict.IDENTICAL),
        ("x * 2", "(x * 2).float()", ORDINARY, Verdict.ERROR),
        ("x.max(1)[0]", "x.max(1)[0]", "ties", Verdict.IDENTICAL),
    ],
)
def test_an_injected_difference_gets_its_verdict(
    torch: str, other: str, case: str, verdict: Verdict, reference: Backend, candidate: Backend
) -> None:
    assert judge(reference, candidate, torch, other, case)[OUTPUT].verdict is verdict


def test_a_gradient_alone_may_differ(reference: Backend, candidate: Backend) -> None:
    findings = judge(reference, candidate, "x.abs()", "x * torch.sign(x).detach()")
    assert {f.verdict for f in findings.values()} == {Verdict.IDENTICAL}
    findings = judge(reference, candidate, "x * x", "x * x.detach()")
    assert findings[OUTPUT].verdict is Verdict.IDENTICAL
    assert findings[GRADIENT].verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_difference_in_the_gradient_of_ties_is_seen(
    reference: Backend, candidate: Backend
) -> None:
    findings = judge(reference, candidate, "x.max(1)[0]", "x.amax(1)", "ties")
    assert findings[OUTPUT].verdict is Verdict.IDENTICAL
    assert findings[GRADIENT].verdict is Verdict.SEMANTIC_DIFFERENCE


def test_exceptions_are_compared(reference: Backend, candidate: Backend) -> None:
    both = judge(reference, candidate, "x @ x", "x.reshape(5)")[OUTPUT]
    assert both.verdict is Verdict.IDENTICAL
    assert both.cause is AtlasCause.EXCEPTION
    assert both.reference.startswith("RuntimeError")
    assert both.candidate.startswith("RuntimeError")
    one = judge(reference, candidate, "x @ x", "x")[OUTPUT]
    assert one.verdict is Verdict.ERROR
    assert description(one).startswith("PyTorch raises RuntimeError")
    other = judge(reference, candidate, "x", "x.absent()")[OUTPUT]
    assert description(other).startswith("Jittor raises AttributeError")


def test_the_finding_holds_the_first_wrong_number(reference: Backend, candidate: Backend) -> None:
    finding = judge(reference, candidate, "F.relu(x)", "x.nan_to_num().clamp(min=0)", "nan")
    assert (finding[OUTPUT].reference, finding[OUTPUT].candidate) == ("nan", "0")
    assert finding[OUTPUT].cause is AtlasCause.SPECIAL_VALUES
