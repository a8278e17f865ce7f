"""An optimizer of Jittor: its state by PyTorch's names, and a step taken again from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import jittor_env
from parity.errors import CannotCompare
from parity.steps.frameworks.torch_optimizer import TorchOptimizer

jt = jittor_env.load()

from parity.steps.frameworks.jittor_optimizer import JittorOptimizer  # noqa: E402

# Name -> (of PyTorch, of Jittor, names of their state). Jittor's Adam adds epsilon elsewhere.
OPTIMIZERS: dict[str, tuple[Any, Any, list[str]]] = {
    "SGD": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda p: jt.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
        ["momentum_buffer"],
    ),
    "Nesterov": (
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: jt.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        ["momentum_buffer"],
    ),
    "Adam": (
        lambda p: torch.optim.Adam(p, lr=0.01, eps=1e-12, weight_decay=0.1),
        lambda p: jt.optim.Adam(p, 0.01, eps=1e-12, weight_decay=0.1),
        ["exp_avg", "exp_avg_sq"],
    ),
    "AdamW": (
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
        lambda p: jt.optim.AdamW(p, 0.01, weight_decay=0.1),
        ["exp_avg", "exp_avg_sq"],
    ),
    "RMSprop": (
        lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9),
        lambda p: jt.optim.RMSprop(p, 0.01, alpha=0.9),
        ["square_avg"],
    ),
}
SHAPE = (2, 3)


def random(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def of_torch(name: str) -> tuple[torch.Tensor, TorchOptimizer]:
    parameter = torch.nn.Parameter(torch.from_numpy(random(0)))
    return parameter, TorchOptimizer(OPTIMIZERS[name][0]([parameter]), {id(parameter): "w"})


def of_jittor(name: str) -> tuple[Any, Any, JittorOptimizer]:
    parameter = jt.array(random(0))
    optimizer = OPTIMIZERS[name][1]([parameter])
    return parameter, optimizer, JittorOptimizer(optimizer, {id(parameter): "w"})


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 3])
def test_a_state_of_pytorch_gives_the_same_next_step(name: str, steps: int) -> None:
    parameter, its = of_torch(name)
    for seed in range(steps):
        its.set_gradients({"w": random(seed + 1)})
        its.take_step()
    own_parameter, _, own = of_jittor(name)
    own_parameter.assign(jt.array(parameter.detach().numpy()))
    for optimizer in (own, its):
        optimizer.set_gradients({"w": random(9)})
    own.set_state(its.state(), its.count())
    assert own.count() == its.count()
    own.take_step()
    its.take_step()
    np.testing.assert_allclose(
        own_parameter.numpy(), parameter.detach().numpy(), rtol=2e-6, atol=1e-7
    )
    assert sorted(own.state()) == sorted(its.state()) == OPTIMIZERS[name][2]
    for key, arrays in its.state().items():
        np.testing.assert_allclose(own.state()[key]["w"], arrays["w"], rtol=2e-6, atol=1e-7)
    # And back: the state of Jittor goes on in PyTorch.
    again, back = of_torch(name)
    with torch.no_grad():
        again.copy_(torch.from_numpy(own_parameter.numpy()))
    count = None if own.count() is None else steps + 2
    back.set_state(own.state(), count)
    for optimizer in (back, its):
        optimizer.set_gradients({"w": random(10)})
        optimizer.take_step()
    np.testing.assert_allclose(again.detach(), parameter.detach(), rtol=4e-6, atol=2e-7)


def test_a_backward_pass_is_counted_and_gives_gradients() -> None:
    parameter, optimizer, own = of_jittor("AdamW")
    assert own.is_fresh()
    assert not own.gradients()["w"].any()
    own.start_from({}, 5)
    for number in range(2):
        optimizer.backward((parameter * parameter).sum())
        assert own.counted() == number + 1
    np.testing.assert_allclose(own.gradients()["w"], 4 * random(0), rtol=1e-6)
    assert not own.is_fresh()
    assert own.count() == 6  # the first pass makes it 5
    optimizer.zero_grad()
    assert not own.gradients()["w"].any()


def test_gradients_are_replaced_before_and_after_a_backward_pass() -> None:
    parameter, optimizer, own = of_jittor("SGD")
    own.set_gradients({"w": random(1)})
    np.testing.assert_array_equal(own.gradients()["w"], random(1))
    optimizer.backward((parameter * 2).sum())  # adds to it
    np.testing.assert_allclose(own.gradients()["w"], random(1) + 2, rtol=1e-6)
    own.set_gradients({"w": random(2).reshape(-1)})
    np.testing.assert_array_equal(own.gradients()["w"], random(2))


def test_settings_are_the_groups_own_and_otherwise_the_optimizers() -> None:
    one, two = jt.array(random(0)), jt.array(random(1))
    optimizer = jt.optim.Adam(
        [{"params": [one], "lr": 0.5}, {"params": [two]}], 0.1, betas=(0.8, 0.9), weight_decay=0.25
    )
    own = JittorOptimizer(optimizer, {id(one): "a", id(two): "b"})
    common = {"betas.0": 0.8, "betas.1": 0.9, "eps": 1e-8, "weight_decay": 0.25}
    assert own.settings() == {"a": {**common, "lr": 0.5}, "b": {**common, "lr": 0.1}}
    put_back = own.set_rates({"a": 0.25, "b": 2.0})
    assert {path: numbers["lr"] for path, numbers in own.settings().items()} == {"a": 0.25, "b": 2}
    put_back()
    assert own.settings() == {"a": {**common, "lr": 0.5}, "b": {**common, "lr": 0.1}}
    assert optimizer.lr == 0.1
    assert "lr" not in optimizer.param_groups[1]


@pytest.mark.parametrize("has_gradients", [False, True])
def test_a_step_that_is_taken_again_is_undone(has_gradients: bool) -> None:
    parameter, optimizer, own = of_jittor("AdamW")
    if has_gradients:
        own.set_state({"exp_avg": {"w": random(3)}, "exp_avg_sq": {"w": random(4) ** 2}}, 3)
        own.set_gradients({"w": random(5)})
    before = own.state(), own.gradients(), own.count(), own.is_fresh()
    put_back = own.snapshot()
    for seed in (6, 7):
        own.set_gradients({"w": random(seed)})
        own.set_state({"exp_avg": {"w": random(seed)}}, 8)
        own.take_step()
    put_back()
    state, gradients, count, is_fresh = before
    for name, arrays in state.items():
        np.testing.assert_array_equal(own.state()[name]["w"], arrays["w"])
    np.testing.assert_array_equal(own.gradients()["w"], gradients["w"])
    assert (own.count(), own.is_fresh()) == (count, is_fresh)
    assert ("grads" in optimizer.param_groups[0]) == has_gradients
    assert not parameter.is_stop_grad()


class Listener:
    """Keeps what it is watched of, in order; doubles what a backward pass adds."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def backward_begins(self, loss: Any) -> None:
        self.events.append(f"backward of {loss.item():g}")

    def contribution(self, path: str, gradient: Any) -> Any:
        self.events.append(f"adds to {path}")
        return gradient * 2

    def backward_ends(self) -> None:
        self.events.append("backward ends")

    def step_begins(self, optimizer: str) -> None:
        self.events.append(f"step of {optimizer}")

    def step_ends(self, optimizer: str) -> None:
        self.events.append("step ends")


def test_backward_passes_and_steps_are_told_of() -> None:
    parameter, optimizer, own = of_jittor("SGD")
    listener, losses, grad = Listener(), [], jt.grad
    passed = ["adds to w", "backward ends"]
    stepped = ["step of sgd", "step ends"]
    with own.followed_by("sgd", listener, losses.append):  # type: ignore[arg-type]
        optimizer.backward((parameter * 0).sum() + 3)
        optimizer.step()
        optimizer.step((parameter * 0).sum() + 4)
        own.set_gradients({"w": random(1)})
        own.take_step()
    assert listener.events == [
        "backward of 3", *passed, *stepped, "backward of 4", *passed, *stepped,
    ]  # fmt: skip
    assert [loss.item() for loss in losses] == [3, 4]
    assert jt.grad is grad
    assert not {"backward", "step"} & set(vars(optimizer))
    optimizer.step((parameter * 0).sum())
    assert len(listener.events) == 10


def test_what_a_backward_pass_adds_may_be_replaced() -> None:
    parameter, optimizer, own = of_jittor("SGD")
    with own.followed_by("", Listener(), lambda loss: None):  # type: ignore[arg-type]
        optimizer.backward((parameter * 3).sum())
    np.testing.assert_array_equal(own.gradients()["w"], np.full(SHAPE, 6))


def test_what_is_no_optimizer_or_has_other_parameters_is_refused() -> None:
    one, two, constant = (jt.array(random(n)) for n in range(3))
    constant.stop_grad()
    with pytest.raises(CannotCompare, match="Var is no optimizer of Jittor"):
        JittorOptimizer(one, {})
    optimizer = jt.optim.SGD([one, two, constant], 0.1)
    with pytest.raises(CannotCompare, match=r"SGD has a parameter of shape \(2, 3\) that no model"):
        JittorOptimizer(optimizer, {id(one): "a"})
    assert JittorOptimizer(optimizer, {id(one): "a"}, is_partial=True).paths() == ["a"]
    own = JittorOptimizer(optimizer, {id(one): "a", id(two): "b"})
    assert own.paths() == list(own.gradients()) == list(own.settings()) == ["a", "b"]
