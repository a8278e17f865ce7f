"""Infinities that belong to a model: masks, saturated scores, logarithms of zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Report, Verdict, check
from parity.verdict import Cause


class Model(nn.Module):
    """A linear layer and what follows it."""

    def __init__(self, after: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.l = nn.Linear(4, 4)
        self.after = after

    def forward(self, x: torch.Tensor) -> Any:
        return self.after(self.l(x))


def compared(reference: Callable[..., Any], candidate: Callable[..., Any]) -> Report:
    torch.manual_seed(0)
    return check(
        Pair(
            name="field",
            reference=lambda: Model(reference),
            candidate=lambda: Model(candidate),
            inputs=lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)},
        )
    )


def masked(x: torch.Tensor) -> torch.Tensor:
    mask = torch.ones_like(x, dtype=torch.bool).tril()
    return x.masked_fill(~mask, -torch.inf)


def test_an_output_with_a_mask_of_infinities_agrees() -> None:
    report = compared(masked, masked)
    assert report.passed
    outputs = [f for f in report.findings if f.quantity == "output" and f.not_finite]
    assert outputs
    assert all("infinities or NaN, the same on both sides" in f.reason for f in outputs)


def test_a_fault_beside_the_infinities_is_found() -> None:
    report = compared(masked, lambda x: masked(x * 1.001))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize(
    ("other", "side"),
    [
        (lambda x: x, "reference"),
        (lambda x: -masked(x), "reference"),
        (lambda x: masked(x) * torch.tensor([1, 1, 1, torch.nan]).to(x), "reference"),
    ],
)
def test_infinities_elsewhere_are_a_difference(other: Callable[..., Any], side: str) -> None:
    report = compared(masked, other)
    assert report.verdict is Verdict.ERROR
    first = report.first_divergence
    assert first is not None
    assert (first.cause, first.side) == (Cause.NOT_FINITE, side)
    assert compared(other, masked).verdict is Verdict.ERROR


class Attention(nn.Module):
    """Attention whose mask is handed to a module."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.full((5, 5), -torch.inf, dtype=x.dtype).triu(1)
        result: torch.Tensor = self.attention(x, x, x, attn_mask=mask)[0] * self.scale
        return result


@pytest.mark.parametrize(("scale", "passes"), [(1.0, True), (1.01, False)])
def test_a_mask_handed_to_a_module_hides_nothing_else(scale: float, passes: bool) -> None:
    report = check(
        Pair(
            name="attention",
            reference=Attention,
            candidate=lambda: Attention(scale),
            inputs=lambda g: {"x": g.standard_normal((2, 5, 8)).astype(np.float32)},
        )
    )
    assert report.passed is passes
