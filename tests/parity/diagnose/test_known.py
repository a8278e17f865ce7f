"""A known divergence is named only where its rule alone explains the difference in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, Report, Verdict, check
from parity.report.faults import FaultKind
from parity.report.known_divergences import DIVERGENCES

RUNNING_VAR = "jittor.batch_norm.running_var"


class Normalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.norm(x)
        return result


@pytest.fixture
def jittor_normalised() -> Any:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, momentum: float = 0.1) -> None:
            self.norm = jt.nn.BatchNorm1d(6, momentum=momentum)

        def execute(self, x: Any) -> Any:
            return self.norm(x)

    return Port


def normalised(candidate: Any, **options: Any) -> Report:
    return check(
        Pair(
            name="norm",
            reference=Normalised,
            candidate=candidate,
            inputs=lambda g: {"x": g.standard_normal((8, 6)).astype(np.float32)},
            training=True,
            stress_inputs=("plain", "large magnitude"),
            **options,
        )
    )


def test_jittors_running_variance_is_named_and_may_be_accepted(jittor_normalised: Any) -> None:
    report = normalised(jittor_normalised)
    assert not report.passed
    (fault,) = report.faults
    assert fault.kind is FaultKind.KNOWN
    assert fault.first.known == RUNNING_VAR
    assert DIVERGENCES[RUNNING_VAR].workaround in str(report)
    accepted = normalised(jittor_normalised, accept={RUNNING_VAR: "it is not trained further"})
    assert accepted.passed
    assert accepted.verdict is not Verdict.SEMANTIC_DIFFERENCE


def test_an_accepted_rule_hides_no_fault_beside_it(jittor_normalised: Any) -> None:
    report = normalised(lambda: jittor_normalised(0.2), accept={RUNNING_VAR: "it is known"})
    assert not report.passed
    assert report.faults[0].kind is FaultKind.FUNCTION
    assert all(finding.known is None for finding in report.findings)


class MaximumOfTies(torch.autograd.Function):
    """The largest of the last axis; its gradient goes to every element that is as large."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, slope: float) -> torch.Tensor:
        result = x.amax(-1, keepdim=True)
        ctx.save_for_backward(x == result)
        ctx.slope = slope
        return result

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        (ties,) = ctx.saved_tensors
        return gradient * ties * ctx.slope, None


class Maximum(nn.Module):
    def __init__(self, ties: bool, slope: float = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 5)
        self.pool = Largest(ties, slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.pool(self.linear(x))
        return result


class Largest(nn.Module):
    def __init__(self, ties: bool, slope: float) -> None:
        super().__init__()
        self.ties, self.slope = ties, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.ties:
            result: torch.Tensor = MaximumOfTies.apply(x, self.slope)
            return result
        return x.max(-1, keepdim=True).values


def maximum(slope: float = 1.0, **options: Any) -> Report:
    return check(
        Pair(
            name="max",
            reference=lambda: Maximum(False),
            candidate=lambda: Maximum(True, slope),
            inputs=lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)},
            **options,
        )
    )


def test_gradients_of_ties_are_told_from_a_fault_on_ordinary_inputs() -> None:
    report = maximum()
    assert not report.passed
    assert [fault.kind for fault in report.faults] == [FaultKind.KNOWN]
    assert {f.known for f in report.findings if not f.passes()} == {"subgradient"}
    assert maximum(accept={"subgradient": "no ties in training"}).passed


def test_a_wrong_gradient_on_ordinary_inputs_is_not_called_a_tie() -> None:
    report = maximum(1.01, accept={"subgradient": "no ties in training"})
    assert not report.passed
    first = report.first_divergence
    assert first is not None
    assert (first.path, first.known, first.stress_input) == ("pool", None, "plain")


def test_an_unknown_name_and_one_that_explains_nothing_are_refused() -> None:
    with pytest.raises(CannotCompare, match="which is no known divergence; there are jittor"):
        maximum(accept={"ties": "?"})
    same = Pair(
        name="same", reference=Normalised, candidate=Normalised, accept={"subgradient": "none"},
        inputs=lambda g: {"x": g.standard_normal((8, 6)).astype(np.float32)},
    )  # fmt: skip
    with pytest.raises(CannotCompare, match="accept names 'subgradient', which excused nothing"):
        check(same)
