"""Models that work on some inputs only: what a stress input does beyond them says nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.errors import SideRaised
from parity.report.faults import FaultKind


class Guarded(nn.Module):
    """A layer that refuses values beyond a limit, and an ordinary one after it."""

    def __init__(self, limit: float = 10.0, slope: float = 1.0, last: float = 1.0) -> None:
        super().__init__()
        self.first, self.guard, self.last = nn.Linear(4, 4), Guard(limit, slope), Scaled(last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.last(torch.tanh(self.guard(self.first(x))))
        return result


class Guard(nn.Module):
    def __init__(self, limit: float, slope: float) -> None:
        super().__init__()
        self.limit, self.slope = limit, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.abs().max() > self.limit:
            raise ValueError(f"values beyond {self.limit}")
        return x * self.slope


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.linear, self.factor = nn.Linear(4, 2), factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.linear(x) * self.factor
        return result


def inputs(g: np.random.Generator) -> dict[str, Any]:
    return {"x": g.standard_normal((3, 4)).astype(np.float32)}


def compared(reference: Callable[[], nn.Module], candidate: Any = None, **options: Any) -> Report:
    pair = Pair(
        name="field", reference=reference, candidate=candidate or reference, inputs=inputs,
        **options,
    )  # fmt: skip
    return check(pair)


def test_a_model_that_raises_beyond_a_magnitude_is_judged_elsewhere() -> None:
    report = compared(Guarded)
    assert report.passed
    notes = [note for note in report.notes if "leaves the model's domain" in note]
    assert "stress input 'large magnitude'" in notes[1]
    assert "raised in guard in float64: ValueError: values beyond 10.0" in notes[1]
    assert {f.path for f in report.findings} >= {"first", "guard", "last"}


def test_faults_beside_the_layer_that_raises_are_found() -> None:
    assert compared(Guarded, lambda: Guarded(slope=1.001)).first_divergence is not None
    first = compared(Guarded, lambda: Guarded(last=1.001)).first_divergence
    assert first is not None
    assert first.path == "last"


def test_what_raises_on_ordinary_inputs_cannot_be_compared_and_says_where() -> None:
    with pytest.raises(SideRaised) as raised:
        compared(Guarded, lambda: Guarded(limit=1e-3))
    assert (raised.value.role, raised.value.module) == ("candidate", "guard")
    assert "the candidate (torch) raised in guard" in str(raised.value)
    with pytest.raises(CannotCompare, match=r"the reference .* raised in guard"):
        compared(lambda: Guarded(limit=1e-3), Guarded)


class Probability(nn.Module):
    def __init__(self, slope: float = 1.0) -> None:
        super().__init__()
        self.linear, self.sigmoid = nn.Linear(4, 3), nn.Sigmoid()
        self.slope = slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.sigmoid(self.linear(x) * self.slope)
        return result


def cross_entropy(y: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy(y, torch.full_like(y, 0.25))


@pytest.mark.parametrize(("slope", "passes"), [(1.0, True), (1.001, False)])
def test_a_loss_that_checks_its_domain(slope: float, passes: bool) -> None:
    report = compared(Probability, lambda: Probability(slope), loss=cross_entropy)
    assert report.passed is passes
    assert any(f.phase == "loss" for f in report.findings)


class Scores(nn.Module):
    """Attention's scores; past float32's range one softmax gives NaN."""

    def __init__(self, stable: bool, slope: float = 1.0) -> None:
        super().__init__()
        self.linear, self.softmax = nn.Linear(4, 4), Softmax(stable, slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.softmax(self.linear(x))
        return result


class Softmax(nn.Module):
    def __init__(self, stable: bool, slope: float) -> None:
        super().__init__()
        self.stable, self.slope = stable, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.stable:
            # Infinite from 2^17 on: NaN, which no ordinary score reaches.
            x = x + torch.where(x.abs() > 1e5, torch.inf, 0.0).to(x)
        return torch.softmax(x * self.slope, -1)


def test_what_overflows_far_beyond_ordinary_values_alone_is_counted() -> None:
    report = compared(lambda: Scores(True), lambda: Scores(False))
    assert report.passed
    assert any("'beyond float16' leaves the model's domain" in note for note in report.notes)


def test_it_does_not_hide_a_fault_on_ordinary_inputs() -> None:
    report = compared(lambda: Scores(True), lambda: Scores(False, 1.001))
    assert report.verdict is Verdict.SEMANTIC_DIFFERENCE
    assert [fault.kind for fault in report.faults] == [FaultKind.FUNCTION]
