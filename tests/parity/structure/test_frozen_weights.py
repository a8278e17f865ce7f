"""Weights that need no gradient on one side alone, as in a port of LoRA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Report, check


class Net(nn.Module):
    def __init__(self, *, frozen: bool) -> None:
        super().__init__()
        self.base, self.head = nn.Linear(3, 3), nn.Linear(3, 2)
        self.base.weight.requires_grad_(not frozen)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.base(x))


def report(reference: Any, candidate: Any) -> Report:
    return check(
        Pair(
            name="lora",
            reference=reference,
            candidate=candidate,
            inputs=lambda g: {"x": g.standard_normal((4, 3)).astype(np.float32)},
        )
    )


@pytest.mark.parametrize(
    ("frozen", "note"),
    [
        ((True, False), "frozen in the reference and trained in the candidate: base.weight"),
        ((False, True), "frozen in the candidate and trained in the reference: base.weight"),
    ],
)
def test_one_side_alone_trains_a_weight(frozen: tuple[bool, bool], note: str) -> None:
    outcome = report(lambda: Net(frozen=frozen[0]), lambda: Net(frozen=frozen[1]))
    assert not outcome.passed
    assert note in outcome.notes


@pytest.mark.parametrize("frozen", [True, False])
def test_both_sides_treat_a_weight_alike(frozen: bool) -> None:
    outcome = report(lambda: Net(frozen=frozen), lambda: Net(frozen=frozen))
    assert outcome.passed
    assert not any("frozen" in note for note in outcome.notes)


def test_jittor_stops_a_gradient() -> None:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, frozen: bool) -> None:
            self.base, self.head = jt.nn.Linear(3, 3), jt.nn.Linear(3, 2)
            if frozen:
                self.base.weight.stop_grad()

        def execute(self, x: Any) -> Any:
            return self.head(self.base(x))

    assert report(lambda: Net(frozen=True), lambda: Port(frozen=True)).passed
    outcome = report(lambda: Net(frozen=True), lambda: Port(frozen=False))
    assert not outcome.passed
    assert any(note.startswith("frozen in the reference") for note in outcome.notes)
    outcome = report(lambda: Net(frozen=False), lambda: Port(frozen=True))
    assert not outcome.passed
    assert any(note.startswith("frozen in the candidate") for note in outcome.notes)
