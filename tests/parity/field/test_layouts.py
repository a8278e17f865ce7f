"""Ports that work in another layout inside, or draw the boundary of a module elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from parity import Pair, Report, check
from parity.report.faults import FaultKind
from parity.verdict import Cause


class Flat(nn.Module):
    """Works on (B, L, C)."""

    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(6), nn.Linear(6, 6)
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.mlp(self.norm(x))) * self.slope


class Windows(Flat):
    """Works on (B, H, W, C), and is given as many numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, channels = x.shape
        windows = x.reshape(batch, 2, length // 2, channels)
        return super().forward(windows).reshape(batch, length, channels)


class Model(nn.Module):
    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block, self.head = block, nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.head(self.block(x))
        return result


def compared(candidate: Callable[[], nn.Module]) -> Report:
    return check(
        Pair(
            name="layout",
            reference=lambda: Model(Flat()),
            candidate=lambda: Model(candidate()),
            inputs=lambda g: {"x": g.standard_normal((2, 8, 6)).astype(np.float32)},
        )
    )


def test_modules_in_another_layout_are_judged_within_their_callers() -> None:
    report = compared(Windows)
    assert report.passed
    assert "tensors of another shape, judged within their callers: block.norm, block.mlp" in (
        report.notes
    )
    assert any(f.path == "block" and f.quantity == "output" for f in report.findings)


def test_a_fault_inside_another_layout_is_found_at_the_caller() -> None:
    report = compared(lambda: Windows(1.001))
    assert not report.passed
    assert {fault.first.path for fault in report.faults if fault.kind is FaultKind.FUNCTION} == {
        "block"
    }


class Strided(Flat):
    """Forgets half of the sequence."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x[:, ::2])


def test_the_first_module_of_another_shape_is_named_first() -> None:
    report = compared(Strided)
    first = report.first_divergence
    assert first is not None
    assert first.cause is Cause.SHAPE
    assert (first.owner, first.compared) == ("block.norm", ("(2, 8, 6)", "(2, 4, 6)"))
