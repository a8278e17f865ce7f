"""A pair before it is compared: what is built, matched, drawn and left out."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair
from parity.prepare import prepare


class Net(nn.Module):
    """Two layers, the second applied by hand where asked."""

    def __init__(self, by_hand: bool = False) -> None:
        super().__init__()
        self.first, self.second, self.by_hand = nn.Linear(3, 4), nn.Linear(4, 2), by_hand

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.first(x)
        if self.by_hand:
            return h @ self.second.weight.T + self.second.bias
        return self.second(h)


def pair(by_hand: bool, **options: Any) -> Pair:
    return Pair(
        name="net", reference=Net, candidate=lambda: Net(by_hand),
        inputs=lambda rng: {"x": rng.standard_normal((5, 3), np.float32)},
        stress_inputs=("plain",), **options,
    )  # fmt: skip


def test_both_sides_get_the_references_weights() -> None:
    ready = prepare(pair(False))
    state = ready.runner.reference.adapter.parameters()
    for path, array in ready.runner.weights.items():
        assert (ready.runner.reference.adapter.to_numpy(state[path]) == array).all()
    assert set(ready.runner.reference.modules.values()) == {"", "first", "second"}


def test_a_module_that_one_side_does_not_call_is_left_out_and_said() -> None:
    ready = prepare(pair(True))
    assert set(ready.runner.candidate.modules.values()) == {"", "first"}
    assert set(ready.runner.reference.modules.values()) == {"", "first"}
    assert "called on one side only, judged within their callers: second" in ready.notes
    assert not [note for note in prepare(pair(False)).notes if "one side only" in note]


def test_inputs_are_drawn_from_the_seed_alone() -> None:
    first, again, other = (
        prepare(pair(False), seed=seed).runner.inputs.arrays()["x"] for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_initial_values_count_only_where_the_pair_asks() -> None:
    assert prepare(pair(False)).initial == []
    findings = prepare(pair(False, init=True)).initial
    assert {f.path for f in findings} == {"first", "second"}
    assert {f.phase for f in findings} == {"init"}


def test_no_constant_parameter_is_left(models: ModuleType) -> None:
    def zeroed() -> nn.Module:
        block: nn.Module = models.Block()
        nn.init.zeros_(block.head.weight)
        return block

    weights = prepare(models.block_pair(zeroed, reference=zeroed)).runner.weights
    assert all(np.ptp(w) > 0 for path, w in weights.items() if path.endswith("weight"))


def test_a_builder_that_raises_is_said_in_one_line() -> None:
    broken = Pair(**{**vars(pair(False)), "candidate": lambda: 1 / 0})
    with pytest.raises(CannotCompare, match="the candidate's builder raised ZeroDivisionError"):
        prepare(broken)
