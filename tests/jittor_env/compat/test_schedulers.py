"""Learning rates of each epoch are PyTorch's, where those of Jittor's schedulers are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from jittor_env.compat import optimizers, schedulers
from tests.jittor_env.compat.comparison import jt

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "StepLR": ("StepLR", {"step_size": 1, "gamma": 0.5}),
    "MultiStepLR": ("MultiStepLR", {"milestones": [5, 2, 5], "gamma": 0.5}),
    "ExponentialLR": ("ExponentialLR", {"gamma": 0.9}),
    "CosineAnnealingLR": ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}),
}


def rates(module: Any, optimizer: Any, name: str, settings: dict[str, Any]) -> list[Any]:
    scheduler = getattr(module, name)(optimizer, **settings)
    found = []
    for _ in range(10):
        found.append([group.get("lr", optimizer.__dict__.get("lr")) for group in groups(optimizer)])
        optimizer.step()
        scheduler.step()
    return found


def groups(optimizer: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = optimizer.param_groups
    return listed


def two_groups(one: Any) -> list[dict[str, Any]]:
    return [{"params": [one()]}, {"params": [one()], "lr": 2.0}]


def of_torch(name: str, settings: dict[str, Any]) -> list[Any]:
    optimizer = torch.optim.SGD(two_groups(lambda: torch.ones(1, requires_grad=True)), lr=0.1)
    return rates(torch.optim.lr_scheduler, optimizer, name, settings)


@pytest.mark.parametrize("name", CASES)
def test_rates_are_pytorchs(name: str) -> None:
    expected = of_torch(*CASES[name])
    optimizer = optimizers.SGD(two_groups(lambda: jt.ones(1)), lr=0.1)
    actual = rates(schedulers, optimizer, *CASES[name])
    assert actual == [pytest.approx(epoch, rel=1e-9) for epoch in expected]


@pytest.mark.parametrize("name", CASES)
def test_rates_of_jittors_own_are_not(name: str) -> None:
    optimizer = jt.nn.SGD([jt.ones(1)], lr=0.1)
    optimizer.step((optimizer.param_groups[0]["params"][0] * 0).sum())
    actual = rates(jt.lr_scheduler, optimizer, *CASES[name])
    expected = [epoch[:1] for epoch in of_torch(*CASES[name])]
    assert actual != [pytest.approx(epoch, rel=1e-9) for epoch in expected]


def test_a_schedule_is_continued() -> None:
    optimizer = optimizers.SGD([jt.ones(1)], lr=0.1)
    scheduler = schedulers.StepLR(optimizer, 2)
    for _ in range(3):
        scheduler.step()
    again = schedulers.StepLR(optimizers.SGD([jt.ones(1)], lr=0.1), 2)
    again.load_state_dict(scheduler.state_dict())
    again.step()
    scheduler.step()
    assert again.get_last_lr() == scheduler.get_last_lr() == [pytest.approx(0.001)]
