from __future__ import annotations

import pytest

from parity.atlas.backends import Backend
from parity.atlas.entry import Entry
from parity.atlas.judge_values import judge_random, judge_rule
from parity.verdict import Verdict


@pytest.mark.parametrize(
    ("torch", "other", "verdict"),
    [
        ("torch.ones(2).dtype", "torch.ones(2).dtype", Verdict.IDENTICAL),
        ("[1, 2]", "[1, 3]", Verdict.SEMANTIC_DIFFERENCE),
        ("torch.ones(2)[5]", "torch.ones(2)[1]", Verdict.ERROR),
        ("torch.ones(2)[5]", "1 / 0", Verdict.IDENTICAL),
    ],
)
def test_rules_are_compared_by_equality(
    torch: str, other: str, verdict: Verdict, reference: Backend, candidate: Backend
) -> None:
    entry = Entry(name="injected", torch=torch, jittor=other, kind="rule")
    assert judge_rule(entry, other, reference, candidate)[0].verdict is verdict


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ("torch.manual_seed(7)\ntorch.randn(20000)", Verdict.WITHIN_NOISE),
        ("torch.manual_seed(7)\n1.15 * torch.randn(20000)", Verdict.SEMANTIC_DIFFERENCE),
        ("torch.manual_seed(7)\n0.1 + torch.randn(20000)", Verdict.SEMANTIC_DIFFERENCE),
        ("torch.manual_seed(7)\n3**0.5 * (2 * torch.rand(20000) - 1)", Verdict.SEMANTIC_DIFFERENCE),
        ("torch.zeros(20000)", Verdict.SEMANTIC_DIFFERENCE),
        ("torch.randn(20000)", Verdict.IDENTICAL),
        ("torch.randn(200, 100)", Verdict.ERROR),
    ],
)  # fmt: skip
def test_samples_are_compared_by_distribution(
    other: str, verdict: Verdict, reference: Backend, candidate: Backend
) -> None:
    entry = Entry(name="injected", torch="torch.randn(20000)", jittor=other, kind="random")
    assert judge_random(entry, other, reference, candidate)[0].verdict is verdict
