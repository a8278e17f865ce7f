"""Optimizers take PyTorch's steps, where Jittor's own take others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jittor_env.compat import optimizers, schedulers
from tests.jittor_env.compat.comparison import compared, jt, normal, precision

RNG = np.random.default_rng(0)
START = RNG.standard_normal((3, 4))
GRADIENTS = RNG.standard_normal((6, 3, 4))
GRADIENTS[0, :, :2] *= 1e-8  # where Adam's epsilon counts
Make = Callable[[Any, Any], Any]
# Builders of PyTorch's and this package's optimizer from their modules' names; Jittor's own.
CASES: dict[str, tuple[Make, Callable[[Any], Any]]] = {
    "SGD, dampening": (
        lambda m, p: m.SGD(p, 0.1, momentum=0.9, dampening=0.5),
        lambda p: jt.nn.SGD(p, 0.1, momentum=0.9, dampening=0.5),
    ),
    "SGD, dampening without momentum": (
        lambda m, p: m.SGD(p, 0.1, dampening=0.5, weight_decay=0.1),
        lambda p: jt.nn.SGD(p, 0.1, dampening=0.5, weight_decay=0.1),
    ),
    "SGD, nesterov, maximize": (
        lambda m, p: m.SGD(p, 0.1, momentum=0.9, nesterov=True, maximize=True),
        lambda p: jt.nn.SGD(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "Adam": (lambda m, p: m.Adam(p), lambda p: jt.nn.Adam(p, 1e-3)),
    "Adam, weight decay, amsgrad": (
        lambda m, p: m.Adam(p, 0.1, weight_decay=0.1, amsgrad=True),
        lambda p: jt.nn.Adam(p, 0.1, weight_decay=0.1),
    ),
    "AdamW": (lambda m, p: m.AdamW(p), lambda p: jt.nn.AdamW(p, 1e-3)),
    "AdamW, maximize": (
        lambda m, p: m.AdamW(p, 0.1, (0.5, 0.9), maximize=True),
        lambda p: jt.nn.AdamW(p, 0.1, betas=(0.5, 0.9)),
    ),
}


def steps_of_torch(make: Callable[[Any], Any], passes: int = 1) -> np.ndarray[Any, Any]:
    parameter = torch.from_numpy(START.copy()).requires_grad_()
    optimizer = make([parameter])
    for gradient in GRADIENTS:
        optimizer.zero_grad()
        for _ in range(passes):
            (parameter * torch.from_numpy(gradient)).sum().backward()
        optimizer.step()
    return parameter.detach().numpy()


def steps_of_jittor(
    make: Callable[[Any], Any], dtype: str = "float64", passes: int = 1
) -> np.ndarray[Any, Any]:
    with precision(dtype):
        parameter = jt.array64(START.astype(dtype))
        optimizer = make([parameter])
        for gradient in GRADIENTS:
            optimizer.zero_grad()
            for _ in range(passes):
                optimizer.backward((parameter * jt.array64(gradient.astype(dtype))).sum())
            optimizer.step()
        result: np.ndarray[Any, Any] = parameter.numpy()
    return result


@pytest.mark.parametrize("name", CASES)
def test_steps_are_pytorchs(name: str) -> None:
    make, own = CASES[name]
    expected = steps_of_torch(lambda p: make(torch.optim, p))
    for dtype, limit in (("float64", 1e-14), ("float32", 1e-6)):
        actual = steps_of_jittor(lambda p: make(optimizers, p), dtype)
        assert np.abs(actual - expected).max() < limit
    assert np.abs(steps_of_jittor(own) - expected).max() > 1e-5


def test_steps_are_counted_and_not_backward_passes() -> None:
    expected = steps_of_torch(lambda p: torch.optim.AdamW(p, 0.1), passes=2)
    actual = steps_of_jittor(lambda p: optimizers.AdamW(p, 0.1), passes=2)
    assert np.abs(actual - expected).max() < 1e-14
    own = steps_of_jittor(lambda p: jt.nn.AdamW(p, 0.1, weight_decay=0.01), passes=2)
    assert np.abs(own - expected).max() > 1e-3


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_training_agrees_in_the_harness(name: str) -> None:
    def pair(own: bool) -> Any:
        # A small gradient, so that epsilon counts.
        return compared(
            lambda: nn.Linear(4, 3), lambda: jt.nn.Linear(4, 3), normal(5, 4),
            stress_inputs=("plain",), loss=lambda y: (y * y).mean() * 1e-6,
            optimizer={
                "torch": lambda p: getattr(torch.optim, name)(p, lr=0.01, **options),
                "jittor": lambda p: getattr(jt.nn if own else optimizers, name)(
                    p, lr=0.01, **({} if name == "AdamW" and own else options)
                ),
            },
        )  # fmt: skip

    options = {"SGD": {"momentum": 0.9, "dampening": 0.3}, "AdamW": {"weight_decay": 0.1}}.get(
        name, {}
    )
    report = pair(own=False)
    assert report.passed, str(report)
    assert not pair(own=True).passed


def test_gradients_add_up_until_they_are_zeroed() -> None:
    p = torch.ones(2, requires_grad=True)
    reference = torch.optim.SGD([p], 0.1)
    q = jt.ones(2)
    optimizer = optimizers.SGD([q], 0.1)
    for number in range(4):
        if number == 2:
            reference.zero_grad()
            optimizer.zero_grad()
            reference.step()
            optimizer.step()
        (p * p).sum().backward()
        optimizer.backward((q * q).sum())
        reference.step()
        optimizer.step()
    np.testing.assert_allclose(q.numpy(), p.detach().numpy(), rtol=1e-6)
    assert optimizer.n_step == 4


def test_a_loss_in_the_step_is_its_only_gradient() -> None:
    q = jt.ones(2)
    optimizer = optimizers.SGD([q], 0.1)
    for _ in range(2):
        optimizer.step((q * 3).sum())
    np.testing.assert_allclose(q.numpy(), 0.4, rtol=1e-6)


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_the_state_of_pytorchs_optimizer_is_continued(name: str) -> None:
    settings: dict[str, Any] = {"SGD": {"momentum": 0.9}}.get(name, {})
    parameters = [torch.ones(3, requires_grad=True), torch.ones(2, 2, requires_grad=True)]
    reference = getattr(torch.optim, name)(
        [{"params": parameters[:1], "lr": 0.5}, {"params": parameters[1:]}], lr=0.1, **settings
    )
    ported: list[Any] = []
    optimizer: Any = None
    for number in range(4):
        if number == 2:
            ported = [jt.array(p.detach().numpy()) for p in parameters]
            optimizer = getattr(optimizers, name)(
                [{"params": ported[:1]}, {"params": ported[1:]}], lr=7.0, **settings
            )
            optimizer.load_state_dict(reference.state_dict())
        reference.zero_grad()
        sum((p**3).sum() for p in parameters).backward()  # type: ignore[union-attr]
        reference.step()
        if ported:
            optimizer.step(sum((p * p * p).sum() for p in ported))
    for actual, expected in zip(ported, parameters, strict=True):
        np.testing.assert_allclose(actual.numpy(), expected.detach().numpy(), rtol=1e-6)
    own = optimizer.state_dict()
    again = getattr(optimizers, name)([{"params": ported[:1]}, {"params": ported[1:]}], **settings)
    again.load_state_dict(own)
    assert again.n_step == optimizer.n_step
    assert again.param_groups[0]["lr"] == 0.5


def test_parameters_without_gradients_are_left_alone() -> None:
    module = jt.nn.BatchNorm(3)
    optimizer = optimizers.AdamW(module.parameters(), 0.1)
    optimizer.step(module(jt.randn(4, 3)).sqr().sum())
    assert module.running_mean.is_stop_grad()
    assert not module.weight.is_stop_grad()


def test_wrong_settings_are_refused() -> None:
    p = [jt.ones(2)]
    with pytest.raises(ValueError, match="Invalid lr"):
        optimizers.Adam(p, -1)
    with pytest.raises(ValueError, match="Invalid beta"):
        optimizers.AdamW(p, betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="Nesterov"):
        optimizers.SGD(p, nesterov=True)
    with pytest.raises(ValueError, match="empty"):
        optimizers.SGD([])
    with pytest.raises(ValueError, match="other parameter groups"):
        optimizers.SGD(p).load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(TypeError, match="no lr in its groups"):
        schedulers.StepLR(jt.nn.SGD(p, 0.1), 1)
