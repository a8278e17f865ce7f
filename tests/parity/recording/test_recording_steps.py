"""Training in a record: the optimizer's steps, and free training where losses mean something."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, record
from parity.recording.files.tensor_archive import ArchiveReader


def steps_of(
    path: Path, make: Any, module: Any = nn.Linear, **options: Any
) -> set[tuple[str, str]]:
    """Return (variant of the optimizer, kind of step) of what a record holds."""
    pair = Pair(
        name="x", reference=lambda: module(3, 2), candidate=nn.Identity, stress_inputs=("plain",),
        inputs=lambda rng: rng.standard_normal((2, 3)).astype("float32"),
        loss=options.get("loss", lambda y: y.sum()), optimizer=make and {"torch": make},
    )  # fmt: skip
    record(pair, path)
    index = ArchiveReader(path).json("manifest.json")["runs"]
    return {tuple(json.loads(key)[:2]) for key in index if key.startswith("[")}


OWN = {("", f"step {number}") for number in range(3)}
FREE = {("", "free training")}
CORRECTED = {("epsilon before correction", f"step {number}") for number in range(3)}


def adam(parameters: Any) -> Any:
    return torch.optim.Adam(parameters)


def sgd(parameters: Any) -> Any:
    return torch.optim.SGD(parameters, lr=0.1)


class Noisy(nn.Linear):
    """Draws random numbers of its own, so that its losses say nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.rand(2)


@pytest.mark.parametrize(
    ("make", "options", "expected"),
    [
        (None, {}, set()),
        (sgd, {}, OWN | FREE),
        (sgd, {"loss": None}, OWN),
        (adam, {}, OWN | FREE | CORRECTED),
        (adam, {"module": Noisy}, OWN | CORRECTED),
    ],
)
def test_steps_are_recorded_where_the_pair_has_them(
    make: Any, options: Any, expected: set[tuple[str, str]], tmp_path: Path
) -> None:
    assert steps_of(tmp_path / "x", make, **options) == expected


def test_the_history_is_that_of_the_optimizer(tmp_path: Path) -> None:
    """Plain gradient descent can be checked by hand, from the weights and the gradients."""
    steps_of(tmp_path / "x", sgd)
    archive = ArchiveReader(tmp_path / "x")
    gradients, after = (
        {n: archive.tensor(member, n) for n in archive.keys(member)}
        for member in ("training/gradients-1.safetensors", "training/weights-2.safetensors")
    )
    before = archive.tensor("training/weights-1.safetensors", "weight")
    expected = before.astype(np.float64) - 0.1 * gradients["weight"].astype(np.float64)
    np.testing.assert_allclose(after["weight"], expected, rtol=1e-6, atol=1e-7)
