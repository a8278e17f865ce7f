"""The recorded values that are put into another loop, and the differences that stay visible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import parity


class Net(nn.Module):
    def __init__(self, *, reads_noise: bool = True) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)
        self.reads_noise = reads_noise

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        hidden = F.dropout(self.one(x), 0.5, self.training)
        return self.two(hidden), {"hidden": hidden}


def loop(parts: Any, seen: list[Any] | None = None, *, seed: int = 0) -> None:
    model, optimizer = parts
    torch.manual_seed(seed)
    for _ in range(2):
        noise = torch.randn(4, 3)
        index = torch.randint(0, 10, (4,))
        y, extra = model(noise)
        optimizer.zero_grad()
        loss = F.mse_loss(y, noise) + 0.1 * extra["hidden"].square().mean()
        loss.backward()
        optimizer.step()
        if seen is not None:
            seen += [noise.numpy().copy(), index.numpy().copy(), y.detach().numpy().copy()]
            seen += [p.detach().numpy().copy() for p in model.parameters()]


def parts(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = Net()
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    path = tmp_path_factory.mktemp("run") / "run.parity"
    made, seen = parts(), []
    with parity.recording_steps(path, *made, steps=2):
        loop(made, seen)
    return path, seen


def test_the_loop_gets_the_recorded_numbers_and_leaves_the_recorded_weights(
    run: tuple[Path, list[Any]],
) -> None:
    path, expected = run
    made, seen = parts(seed=5), []
    with parity.replaying_steps(path, *made) as judge:
        loop(made, seen, seed=7)
    for own, other in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(own, other)
    assert judge.report.passed, str(judge.report)


def test_a_fault_of_the_model_does_not_show_in_what_follows(run: tuple[Path, list[Any]]) -> None:
    path, _ = run
    made = parts()
    forward = made[0].two.forward
    made[0].two.forward = lambda x: forward(x) * 1.01  # type: ignore[method-assign]
    with parity.replaying_steps(path, *made) as judge:
        loop(made)
    failing = {f.phase for f in judge.report.findings if f.is_fault}
    assert failing == {"forward", "backward"}


def test_a_loss_that_ignores_an_output_is_named(run: tuple[Path, list[Any]]) -> None:
    path, _ = run
    model, optimizer = made = parts()
    with parity.replaying_steps(path, *made) as judge:
        for _ in range(2):
            noise = torch.randn(4, 3)
            y, _ = model(noise)
            optimizer.zero_grad()
            F.mse_loss(y, noise).backward()
            optimizer.step()
    first = judge.report.first_divergence
    assert first is not None
    assert first.phase == "loss"


def test_numbers_that_the_recorded_loop_did_not_draw_are_the_loops_own(
    run: tuple[Path, list[Any]],
) -> None:
    path, expected = run
    made = parts()
    drawn: list[Any] = []
    with parity.replaying_steps(path, *made):
        for _ in range(2):
            drawn.append(torch.randn(7).numpy())
            loop_of_one(made)
    assert not any(np.array_equal(drawn[0], other) for other in expected)


def loop_of_one(made: Any) -> None:
    model, optimizer = made
    optimizer.zero_grad()
    noise = torch.randn(4, 3)
    y, extra = model(noise)
    (F.mse_loss(y, noise) + 0.1 * extra["hidden"].square().mean()).backward()
    optimizer.step()
