"""Kinds of training loops that once were judged wrongly, or could not be followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import parity

X = np.random.default_rng(0).standard_normal((3, 8, 4)).astype(np.float32)
DRAWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "randn_like": torch.randn_like,
    "randn": lambda h: torch.randn(h.shape),
    "normal_": lambda h: torch.empty_like(h).normal_(),
    "scaled normal_": lambda h: torch.empty_like(h).normal_(0.5, 2.0),
    "uniform_": lambda h: torch.empty_like(h).uniform_(),
    "rsample": lambda h: torch.distributions.Normal(h, 1.0).rsample() - h,
    "normal": lambda h: torch.normal(torch.zeros_like(h), torch.ones_like(h)),
    "rand": lambda h: torch.rand(h.shape),
    "bernoulli": lambda h: torch.bernoulli(torch.full_like(h, 0.3)),
    "exponential_": lambda h: torch.empty_like(h).exponential_(),
    "randint": lambda h: torch.randint(0, 9, h.shape).float(),
    "randperm": lambda h: torch.randperm(h.shape[1]).float().expand_as(h),
    "gumbel_softmax": lambda h: F.gumbel_softmax(h),
    "numpy": lambda h: torch.from_numpy(np.random.standard_normal(h.shape).astype(np.float32)),
}


class Noisy(nn.Module):
    """Draws random numbers in its forward pass."""

    def __init__(self, draw: Callable[[torch.Tensor], torch.Tensor], scale: float = 1.0) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 5), nn.Linear(5, 2)
        self.draw, self.scale = draw, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.one(x)
        return self.two(hidden + self.scale * self.draw(hidden))


def run(path: Path, model: nn.Module, seed: int = 3) -> Any:
    """Record the loop of a model, or judge it where there is a record."""
    torch.manual_seed(seed)
    np.random.seed(3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
    with block(path, model, optimizer) as judge:
        for x in torch.from_numpy(X):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    return judge


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_inside_a_model_are_replayed_and_hide_no_fault(
    name: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.parity"
    run(path, Noisy(DRAWS[name]))
    report = run(path, Noisy(DRAWS[name]), seed=8).report
    assert report.passed, str(report)
    outputs = [f for f in report.findings if f.quantity == "output"]
    assert all(f.noise < 1e-4 for f in outputs)
    assert not run(path, Noisy(DRAWS[name], 1.001), seed=8).report.passed


def test_a_model_that_differs_from_itself_is_not_said_to_agree(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)  # nobody knows of it
    own = {"own": lambda h: torch.from_numpy(generator.standard_normal(h.shape, np.float32))}
    run(tmp_path / "run.parity", Noisy(own["own"]))
    report = run(tmp_path / "run.parity", Noisy(own["own"])).report
    assert not report.passed
    assert report.verdict is parity.Verdict.ABSTAIN


class Clipped(nn.Linear):
    """Has weights that its script clips after each step."""


def clipped(path: Path, limit: float) -> Any:
    torch.manual_seed(0)
    model = Clipped(4, 3)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.05)
    block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
    with block(path, model, optimizer) as judge:
        for x in torch.from_numpy(X):
            optimizer.zero_grad()
            model(x).mean().backward()
            optimizer.step()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.clamp_(-limit, limit)
    return judge


def test_weights_that_a_script_clips_are_judged(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"
    clipped(path, 0.1)
    assert clipped(path, 0.1).report.passed
    first = clipped(path, 0.11).report.first_divergence
    assert first.phase == "optimizer"
    assert "as the script leaves it" in first.tensor


def test_a_gradient_penalty_over_several_critic_steps_agrees_with_itself(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"

    def critic(weight: float) -> Any:
        torch.manual_seed(0)
        models = {"d": nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))}
        models["g"] = nn.Sequential(nn.Linear(3, 4))
        optimizers = {n: torch.optim.Adam(m.parameters()) for n, m in models.items()}
        block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
        with block(path, models, optimizers) as judge:
            for number, real in enumerate(torch.from_numpy(np.concatenate([X, X]))):
                fake = models["g"](torch.randn(8, 3))
                mixed = (0.5 * real + 0.5 * fake.detach()).requires_grad_()
                score = models["d"](mixed)
                (slope,) = torch.autograd.grad(score.sum(), mixed, create_graph=True)
                penalty = (slope.norm(dim=1) - 1).square().mean()
                loss = models["d"](fake.detach()).mean() - models["d"](real).mean()
                optimizers["d"].zero_grad()
                (loss + weight * penalty).backward()
                optimizers["d"].step()
                if number % 3 == 2:
                    optimizers["g"].zero_grad()
                    (-models["d"](fake).mean()).backward()
                    optimizers["g"].step()
        return judge

    critic(10.0)
    report = critic(10.0).report
    assert report.passed, str(report)
    assert not critic(9.0).report.passed


def test_a_parameter_that_one_side_alone_trains_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"

    def frozen(which: list[str]) -> Any:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
        optimizer = torch.optim.Adam([model.get_parameter(name) for name in which])
        block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
        with block(path, model, optimizer) as judge:
            for x in torch.from_numpy(X):
                optimizer.zero_grad()
                model(x).square().mean().backward()
                optimizer.step()
        return judge

    frozen(["1.weight", "1.bias"])
    first = frozen(["0.weight", "1.weight", "1.bias"]).report.first_divergence
    assert "0.weight by the optimizer" in first.tensor
    assert first.compared == ("not trained", "trained")


def test_an_optimizer_that_cannot_be_followed_is_refused(tmp_path: Path) -> None:
    model = nn.Linear(4, 3)
    with (
        pytest.raises(parity.CannotCompare, match="LBFGS calls the model several times"),
        parity.recording_steps(tmp_path / "x", model, torch.optim.LBFGS(model.parameters())),
    ):
        pass


class WithItsLoss(nn.Module):
    """Returns its own loss, and has a parameter without a dimension."""

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 2), nn.Parameter(torch.tensor(0.5))
        self.factor = factor

    def forward(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return (self.factor * weight * self.scale * self.layer(x)).square().mean()


def test_numbers_without_a_dimension_are_judged_in_both_precisions(tmp_path: Path) -> None:
    path = tmp_path / "run.parity"

    def run_twice(factor: float) -> Any:
        torch.manual_seed(0)
        model = WithItsLoss(factor)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        block: Any = parity.replaying_steps if path.exists() else parity.recording_steps
        with block(path, model, optimizer) as judge:
            for x in torch.from_numpy(X):
                optimizer.zero_grad()
                for _ in range(2):
                    model(x, torch.tensor(1.5)).backward()
                optimizer.step()
        return judge

    run_twice(1.0)
    report = run_twice(1.0).report
    assert report.passed, str(report)
    assert not [note for note in report.notes if "could not be run again" in note]
    assert not run_twice(1.0001).report.passed
