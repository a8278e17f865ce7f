"""A tensor that a judge does not look at is reported, and so is a check without outputs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

import jittor_env
from audit.corruption import exhaustive
from audit.corruption.corrupted_checks import exhaustive_record, of_pair, record
from parity import Pair, Verdict
from parity.compare.comparison import judge_comparison
from parity.trace.sites import TensorSite
from parity.verdict import Judgement

jt: Any = jittor_env.load()


class Torch(nn.Module):
    """A layer whose result is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> int:
        self.linear(x)
        return 1


class Jittor(jt.nn.Module):
    """The same in Jittor."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = jt.nn.Linear(3, 3)

    def execute(self, x: Any) -> int:
        self.linear(x)
        return 1


WITHOUT_OUTPUTS = Pair(
    name="without outputs", reference=Torch, candidate=Jittor, stress_inputs=("plain",),
    inputs=lambda rng: {"x": rng.standard_normal((2, 3), np.float32)},
)  # fmt: skip


def test_a_check_that_ignores_outputs_passes_when_they_are_corrupted() -> None:
    check = of_pair(WITHOUT_OUTPUTS)
    assert record(check, "output", "zeroed")["passed"]
    assert not record(check, "output of a layer", "zeroed")["passed"]


def test_a_tensor_that_is_not_looked_at_is_reported() -> None:
    def lenient(comparison: Any, *, seed: int) -> dict[TensorSite, Judgement]:
        return {
            site: replace(j, verdict=Verdict.WITHIN_NOISE) if site.path == "linear" else j
            for site, j in judge_comparison(comparison, seed=seed).items()
        }

    check = exhaustive.of_pair(WITHOUT_OUTPUTS)
    result = exhaustive_record("without outputs", check, judge=lenient)
    assert result["passed"]
    assert "linear, forward: output: zeroed" in result["missed"]
    assert all(site.startswith("linear, ") for site in result["missed"])
    assert exhaustive_record("without outputs", check)["missed"] == []
