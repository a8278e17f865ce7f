"""Both sides are built, and every module, parameter and buffer gets its partner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair
from parity.trace.model_building import build


class Reference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)
        self.register_buffer("table", torch.arange(3.0))
        self.register_buffer("only_here", torch.zeros(7))


class Candidate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.normalise = nn.Linear(2, 3), nn.BatchNorm1d(3)
        self.table = nn.Parameter(torch.zeros(3))
        self.register_buffer("only_there", torch.zeros(7))


def pair(reference: Any = Reference, candidate: Any = Candidate) -> Pair:
    return Pair(
        name="p", reference=reference, candidate=candidate, rename={"norm": "normalise"},
        inputs=lambda rng: {"x": rng.standard_normal((4, 2), np.float32)},
    )  # fmt: skip


def test_every_name_of_the_reference_leads_to_its_partner() -> None:
    reference, candidate, weights, _ = build(pair())
    assert (reference.role, candidate.role) == ("reference", "candidate")
    assert candidate.modules == {"": "", "linear": "linear", "normalise": "norm"}
    assert candidate.parameters == {
        "linear.weight": "linear.weight",
        "linear.bias": "linear.bias",
        "norm.weight": "normalise.weight",
        "norm.bias": "normalise.bias",
    }
    statistics = ["running_mean", "running_var", "num_batches_tracked"]
    expected = {f"norm.{name}": f"normalise.{name}" for name in statistics}
    # A table is a buffer in one framework and a trainable tensor in the other.
    assert candidate.buffers == {**expected, "table": "table"}
    for names in (reference.modules, reference.parameters, reference.buffers):
        assert all(path == own for path, own in names.items())
    assert set(reference.modules.values()) == set(candidate.modules.values())
    assert set(reference.parameters) == set(candidate.parameters)
    assert set(reference.buffers) == set(candidate.buffers)
    assert set(weights) == {*reference.parameters, *reference.buffers, "only_here"}


def test_the_weights_are_copies_of_the_references() -> None:
    module = Reference()
    _, _, weights, _ = build(pair(lambda: module))
    before = weights["linear.weight"].copy()
    with torch.no_grad():
        module.linear.weight.fill_(9)
    np.testing.assert_array_equal(weights["linear.weight"], before)


def test_a_builder_that_fails_is_named_with_its_side() -> None:
    def broken() -> Any:
        raise RuntimeError("no such file")

    with pytest.raises(
        CannotCompare,
        match="pair 'p': the candidate's builder raised RuntimeError: no such file",
    ):
        build(pair(candidate=broken))
    with pytest.raises(CannotCompare, match="a builder returned 'dict', which is no module"):
        build(pair(reference=dict))
