"""Jittor's Adam is named where its epsilon explains the steps, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Report, check
from parity.report.faults import FaultKind

EPSILON = "jittor.adam.eps"


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.linear(x)
        return result


@pytest.fixture
def trained() -> Callable[..., Report]:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.linear = jt.nn.Linear(4, 3)

        def execute(self, x: Any) -> Any:
            return self.linear(x)

    def compared(lr: float = 1e-3, **options: Any) -> Report:
        return check(
            Pair(
                name="adam",
                reference=Layer,
                candidate=Port,
                inputs=lambda g: {"x": g.standard_normal((5, 4)).astype(np.float32)},
                optimizer={
                    "torch": lambda p: torch.optim.Adam(p, 1e-3, eps=1e-4),
                    "jittor": lambda p: jt.optim.Adam(p, lr, eps=1e-4),
                },
                stress_inputs=("plain",),
                **options,
            )
        )

    return compared


def test_its_epsilon_is_named_and_may_be_accepted(trained: Callable[..., Report]) -> None:
    report = trained()
    assert [(f.kind, f.first.known) for f in report.faults] == [(FaultKind.KNOWN, EPSILON)]
    assert "divide epsilon by sqrt(1 - beta2^step)" in str(report)
    assert trained(accept={EPSILON: "small beside the gradients"}).passed


def test_another_learning_rate_beside_it_is_a_fault(trained: Callable[..., Report]) -> None:
    report = trained(lr=1.01e-3)
    assert [f.kind for f in report.faults] == [FaultKind.FUNCTION]
