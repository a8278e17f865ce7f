"""An optimizer of PyTorch: what it is about to use, and a step taken again from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity.errors import CannotCompare
from parity.steps.frameworks.torch_optimizer import TorchOptimizer

Make = Callable[[Any], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "Nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "Adam for each": lambda p: torch.optim.Adam(p, lr=0.01, foreach=True),
    "fused Adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "AMSGrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
}


def model(*, channels_last: bool = False) -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4))
    return made.to(memory_format=torch.channels_last) if channels_last else made


def watched(module: nn.Module, make: Make) -> TorchOptimizer:
    names = {id(p): path for path, p in module.named_parameters()}
    return TorchOptimizer(make(list(module.parameters())), names)


def give_gradients(module: nn.Module, seed: int) -> None:
    """Give a module gradients that have the layout of its parameters, as autograd does."""
    generator = np.random.default_rng(seed)
    for parameter in module.parameters():
        array = generator.standard_normal(tuple(parameter.shape), np.float32)
        parameter.grad = torch.empty_like(parameter).copy_(torch.from_numpy(array)).detach()


def weights(module: nn.Module) -> dict[str, np.ndarray]:
    return {path: p.detach().numpy().copy() for path, p in module.named_parameters()}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("steps", [0, 3])
def test_a_state_that_is_moved_gives_bitwise_the_same_step(
    name: str, channels_last: bool, steps: int
) -> None:
    one, other = model(channels_last=channels_last), model(channels_last=channels_last)
    own, its = watched(one, OPTIMIZERS[name]), watched(other, OPTIMIZERS[name])
    for seed in range(steps):
        give_gradients(one, seed)
        own.take_step()
    give_gradients(one, 9)
    other.load_state_dict(one.state_dict())
    its.set_gradients(own.gradients())
    its.set_state(own.state(), own.count())
    before = weights(other)
    own.take_step()
    its.take_step()
    for path, array in weights(one).items():
        np.testing.assert_array_equal(array, weights(other)[path])
        assert not np.array_equal(array, before[path])
    assert own.count() == its.count()
    for key, arrays in own.state().items():
        for path, array in arrays.items():
            np.testing.assert_array_equal(array, its.state()[key][path])


def test_gradients_and_states_keep_the_layout_of_the_parameter() -> None:
    module = model(channels_last=True)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1, fused=True)
    own = TorchOptimizer(optimizer, {id(p): n for n, p in module.named_parameters()})
    give_gradients(module, 0)
    own.take_step()
    array = np.random.default_rng(1).standard_normal((4, 3, 3, 3)).astype(np.float32)
    own.set_gradients({"0.weight": array})
    own.set_state({"exp_avg": {"0.weight": array}}, 2)
    weight = module[0].weight
    for tensor in (weight.grad, optimizer.state[weight]["exp_avg"]):
        assert tensor.stride() == weight.stride() != torch.empty(weight.shape).stride()
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_zeros_stand_for_gradients_that_are_not_there() -> None:
    module = model()
    own = watched(module, OPTIMIZERS["Adam"])
    assert own.is_fresh()
    gradients = own.gradients()
    assert list(gradients) == own.paths()
    for path, parameter in module.named_parameters():
        assert gradients[path].shape == tuple(parameter.shape)
        assert not gradients[path].any()
    own.set_gradients(gradients)
    assert all(p.grad is None for p in module.parameters())
    own.set_gradients({"1.bias": np.ones(4)})
    assert not own.is_fresh()
    np.testing.assert_array_equal(module[1].bias.grad.numpy(), np.ones(4))
    assert module[1].bias.grad.dtype == torch.float32
    own.set_gradients({"1.bias": np.zeros(4)})
    assert module[1].bias.grad is not None
    assert own.is_fresh()


def test_settings_are_the_numbers_of_each_parameters_group() -> None:
    module = model()
    optimizer = torch.optim.Adam(
        [{"params": module[0].parameters(), "lr": 0.5}, {"params": module[1].parameters()}],
        lr=0.1, betas=(0.8, 0.9), weight_decay=0.25, fused=True,
    )  # fmt: skip
    own = TorchOptimizer(optimizer, {id(p): n for n, p in module.named_parameters()})
    common = {
        "betas.0": 0.8, "betas.1": 0.9, "eps": 1e-8, "weight_decay": 0.25, "amsgrad": 0.0,
        "maximize": 0.0,
    }  # fmt: skip
    assert own.settings() == {
        "0.weight": {**common, "lr": 0.5}, "0.bias": {**common, "lr": 0.5},
        "1.weight": {**common, "lr": 0.1}, "1.bias": {**common, "lr": 0.1},
    }  # fmt: skip
    before = own.settings()
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    assert own.settings() == before  # the first rate, which it keeps, is none


@pytest.mark.parametrize("as_tensor", [False, True])
def test_rates_are_set_for_each_group_and_put_back(as_tensor: bool) -> None:
    module = model()
    rate: Any = torch.tensor(0.125) if as_tensor else 0.125
    optimizer = torch.optim.SGD(
        [{"params": module[0].parameters()}, {"params": module[1].parameters(), "lr": 0.5}], lr=rate
    )
    own = TorchOptimizer(optimizer, {id(p): n for n, p in module.named_parameters()})
    put_back = own.set_rates({"0.weight": 0.25, "0.bias": 0.25, "1.weight": 2, "1.bias": 2})
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.25, 2]
    assert isinstance(optimizer.param_groups[0]["lr"], torch.Tensor) == as_tensor
    put_back()
    assert optimizer.param_groups[0]["lr"] is rate
    assert optimizer.param_groups[1]["lr"] == 0.5
    assert float(rate) == 0.125


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Adam", [1, 2, 3]), ("AMSGrad", [1, 2, 3]), ("SGD", [None] * 3), ("RMSprop", [None] * 3)],
)
def test_the_next_step_has_a_number_where_it_matters(name: str, expected: list[Any]) -> None:
    module = model()
    own = watched(module, OPTIMIZERS[name])
    found = []
    for seed in range(3):
        found.append(own.count())
        give_gradients(module, seed)
        own.take_step()
        assert own.counted() == 1
    assert found == expected


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("momentum", ["momentum_buffer"]),
        ("Adam", ["exp_avg", "exp_avg_sq"]),
        ("AdamW", ["exp_avg", "exp_avg_sq"]),
        ("RMSprop", ["square_avg"]),
    ],
)
def test_zeros_stand_for_a_state_that_is_not_there_yet(name: str, states: list[str]) -> None:
    module = model()
    own = watched(module, OPTIMIZERS[name])
    assert list(own.state()) == states
    assert all(not a.any() for arrays in own.state().values() for a in arrays.values())
    give_gradients(module, 0)
    own.take_step()
    assert list(own.state()) == states
    for arrays in own.state().values():
        assert list(arrays) == own.paths()
        assert all(array.any() for array in arrays.values())


@pytest.mark.parametrize("name", ["momentum", "Adam", "fused Adam", "RMSprop"])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_step_that_is_taken_again_is_undone(name: str, steps: int) -> None:
    one, other = model(), model()
    own, reference = watched(one, OPTIMIZERS[name]), watched(other, OPTIMIZERS[name])
    for seed in range(steps):
        for module, optimizer in ((one, own), (other, reference)):
            give_gradients(module, seed)
            optimizer.take_step()
    put_back = own.snapshot()
    kept = weights(one)
    for _ in range(3):
        own.set_gradients({path: array + 1 for path, array in own.gradients().items()})
        own.set_state({n: dict(a) for n, a in own.state().items()}, own.count())
        own.take_step()
    put_back()
    one.load_state_dict({path: torch.from_numpy(array) for path, array in kept.items()})
    for module, optimizer in ((one, own), (other, reference)):
        give_gradients(module, 7)
        optimizer.take_step()
    for path, array in weights(one).items():
        np.testing.assert_array_equal(array, weights(other)[path])
    assert own.count() == reference.count()


class Events:
    """Keeps what it is watched of, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def step_begins(self, name: str) -> None:
        self.events.append(("begins", name))

    def step_ends(self, name: str) -> None:
        self.events.append(("ends", name))

    def contribution(self, path: str, gradient: Any) -> Any:
        self.events.append(("contribution", path))
        return gradient * 2


def test_the_scripts_steps_are_told_of_and_the_harness_own_are_not() -> None:
    module, listener = model(), Events()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    own = TorchOptimizer(optimizer, {id(p): n for n, p in module.named_parameters()})
    with own.followed_by("sgd", listener):  # type: ignore[arg-type]
        optimizer.step()
        own.take_step()
    assert listener.events == [("begins", "sgd"), ("ends", "sgd")]
    optimizer.step()
    assert len(listener.events) == 2


def test_what_a_backward_pass_adds_is_told_of_and_may_be_replaced() -> None:
    module, listener = nn.Linear(2, 1), Events()
    module.bias.requires_grad_(False)
    own = watched(module, OPTIMIZERS["SGD"])
    with own.watched_contributions(listener):  # type: ignore[arg-type]
        for _ in range(2):
            module(torch.tensor([[1.0, 3.0]])).sum().backward()
    assert listener.events == [("contribution", "weight")] * 2
    np.testing.assert_array_equal(module.weight.grad.numpy(), [[4, 12]])
    module(torch.tensor([[1.0, 3.0]])).sum().backward()
    np.testing.assert_array_equal(module.weight.grad.numpy(), [[5, 15]])


def test_what_is_no_optimizer_or_has_other_parameters_is_refused() -> None:
    module = model()
    with pytest.raises(CannotCompare, match="Sequential is no optimizer of PyTorch"):
        TorchOptimizer(module, {})
    names = {id(module[0].weight): "w"}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(CannotCompare, match=r"SGD has a parameter of shape \(4,\) that no model"):
        TorchOptimizer(optimizer, names)
    own = TorchOptimizer(optimizer, names, is_partial=True)
    assert own.paths() == list(own.gradients()) == list(own.settings()) == ["w"]


def test_low_precision_is_read_as_float32() -> None:
    module = nn.Linear(2, 1).to(torch.bfloat16)
    own = watched(module, OPTIMIZERS["momentum"])
    module.weight.grad = torch.full((1, 2), 1.5, dtype=torch.bfloat16)
    own.take_step()
    assert own.gradients()["weight"].dtype == np.float32
    np.testing.assert_array_equal(own.gradients()["weight"], [[1.5, 1.5]])
    own.set_state({"momentum_buffer": {"weight": np.full((1, 2), 2.5)}}, None)
    assert own.state()["momentum_buffer"]["weight"].tolist() == [[2.5, 2.5]]
