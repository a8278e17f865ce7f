"""A loop of PyTorch: what is watched of it, and that the loop computes what it did before."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from parity.adapters.protocol import adapt
from parity.steps.frameworks.torch_loop import TorchLoop


class Listener:
    """Keeps what it is watched of, in order, and changes nothing."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.draws: list[tuple[str, Any]] = []
        self.is_paused = False

    def batch(self, batch: Any) -> Any:
        self.events.append("batch")
        return batch

    def draw(self, family: str, result: Any) -> Any:
        if not self.is_paused:
            self.draws.append((family, result.numpy().copy()))
        return result

    def call(self, model: str, function: Any, args: Any, kwargs: Any) -> Any:
        self.events.append(f"call {model}")
        return function(*args, **kwargs)

    def backward_begins(self, loss: Any) -> None:
        self.events.append(f"backward of {loss.item():g}")

    def contribution(self, path: str, gradient: Any) -> Any:
        self.events.append(f"adds to {path}")
        return gradient

    def backward_ends(self) -> None:
        self.events.append("backward ends")

    def step_begins(self, optimizer: str) -> None:
        self.events.append(f"step of {optimizer}")

    def step_ends(self, optimizer: str) -> None:
        self.events.append("step ends")

    @contextmanager
    def paused(self) -> Iterator[None]:
        before, self.is_paused = self.is_paused, True
        yield
        self.is_paused = before


def one(value: float = 2.0) -> nn.Module:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, value)
    return module


def names_of(module: nn.Module) -> dict[int, str]:
    return {id(p): path for path, p in module.named_parameters()}


def test_events_are_told_of_in_their_order() -> None:
    module, listener = one(), Listener()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    loop = TorchLoop({"net": adapt(module)})
    loop.optimizer("sgd", optimizer, names_of(module))
    data = DataLoader(TensorDataset(torch.tensor([[1.0], [3.0]])))
    with loop.watching(listener):  # type: ignore[arg-type]
        for (x,) in data:
            module(x).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    step = ["backward ends", "step of sgd", "step ends"]
    assert listener.events == [
        "batch", "call net", "backward of 2", "adds to weight", *step,
        "batch", "call net", "backward of 4.5", "adds to weight", *step,
    ]  # fmt: skip
    assert module.weight.item() == 2 - 0.5 * 1 - 0.5 * 3


def test_nothing_is_left_behind() -> None:
    module, listener = one(), Listener()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    loop = TorchLoop({"": adapt(module)})
    loop.optimizer("", optimizer, names_of(module))
    before = torch.autograd.backward, DataLoader.__iter__

    def fail() -> None:
        with loop.watching(listener):  # type: ignore[arg-type]
            assert torch.autograd.backward is not before[0]
            loop.watch_draws(True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (torch.autograd.backward, DataLoader.__iter__) == before
    assert "forward" not in vars(module)
    torch.rand(1)
    module(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    assert (listener.events, listener.draws) == ([], [])


def test_a_forward_function_of_the_module_itself_is_put_back() -> None:
    module, loop = one(), TorchLoop({})

    def forward(x: Any, *, scale: float = 1.0) -> Any:
        return x * scale

    module.forward = forward
    loop.add_model("net", adapt(module))
    with loop.watching(Listener()):  # type: ignore[arg-type]
        assert inspect.signature(module.forward) == inspect.signature(forward)
        assert module(torch.ones(1), scale=3.0).item() == 3
    assert module.forward is forward


def test_parts_may_be_added_while_the_loop_runs() -> None:
    module, listener = one(), Listener()
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.5) for _ in range(2)]
    loop = TorchLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        loop.add_model("net", adapt(module))
        for optimizer in optimizers:  # the second one in place of the first
            loop.optimizer("sgd", optimizer, names_of(module))
        module(torch.ones(1, 1)).sum().backward()
        optimizers[0].step()
        assert "step of sgd" not in listener.events
        optimizers[1].step()
    assert listener.events[0] == "call net"
    assert listener.events[-2:] == ["step of sgd", "step ends"]


DRAWS: dict[str, tuple[str, Any]] = {
    "rand": ("uniform", lambda: torch.rand(3)),
    "rand_like": ("uniform", lambda: torch.rand_like(torch.ones(3))),
    "randn": ("normal", lambda: torch.randn(2, 3)),
    "randn_like": ("normal", lambda: torch.randn_like(torch.ones(3))),
    "randint": ("integers", lambda: torch.randint(0, 100, (5,))),
    "randperm": ("permutation", lambda: torch.randperm(7)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_are_told_of_and_stay_what_they_were(name: str) -> None:
    family, draw = DRAWS[name]
    torch.manual_seed(5)
    expected, after = draw(), torch.rand(1)
    listener, loop = Listener(), TorchLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        torch.manual_seed(5)
        loop.watch_draws(True)
        found = draw()
        loop.watch_draws(False)
        following = torch.rand(1)
    assert torch.equal(found, expected)
    assert torch.equal(following, after)
    ((kind, array),) = listener.draws
    assert kind == family
    np.testing.assert_array_equal(array, expected.numpy())


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_tells_which_elements_it_drops(inplace: bool) -> None:
    layer, x = nn.Dropout(0.4, inplace=inplace), torch.randn(50)
    x[3] = 0.0
    torch.manual_seed(5)
    expected, after = layer(x.clone()), torch.rand(1)
    listener, loop = Listener(), TorchLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        loop.watch_draws(True)
        torch.manual_seed(5)
        found = layer(x.clone())
        loop.watch_draws(False)
        assert torch.equal(torch.rand(1), after)
    assert torch.equal(found, expected)
    ((family, array),) = listener.draws
    assert family == "dropout"
    # The element is dropped where its number is below the rate, see `DropoutSource`.
    kept = np.where(array < 0.4, 0, x.numpy() / np.float32(0.6))
    np.testing.assert_allclose(kept, expected.numpy(), rtol=1e-6)
    assert 0 < (array < 0.4).sum() < 50
    assert (array < 1).all()


def test_dropout_that_drops_nothing_draws_nothing() -> None:
    listener, loop = Listener(), TorchLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        loop.watch_draws(True)
        x = torch.ones(3)
        assert torch.equal(F.dropout(x, 0.5, training=False), x)
        assert torch.equal(F.dropout(x, 0.0), x)
    assert listener.draws == []


def test_an_output_is_held_and_its_gradient_received() -> None:
    loop, received = TorchLoop({}), []
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    output = x * 1
    held = loop.hold(output, received.append, alone=True)  # type: ignore[arg-type]
    assert held is output
    (held**3).sum().backward()
    np.testing.assert_array_equal(received, [[3, 12]])
    np.testing.assert_array_equal(x.grad.numpy(), [3, 12])
    plain = torch.ones(2)
    assert loop.hold(plain, received.append, alone=False) is plain  # type: ignore[arg-type]
    assert len(received) == 1


def test_what_reaches_an_output_through_another_one_is_not_its_own() -> None:
    loop, received = TorchLoop({}), {}
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    first = x * 1
    second = first * 10
    held = [
        loop.hold(first, lambda g: received.update(first=g), alone=False),
        loop.hold(second, lambda g: received.update(second=g), alone=False),
    ]
    (held[0] * 2 + held[1]).sum().backward()
    assert {name: g.tolist() for name, g in received.items()} == {"first": [2, 2], "second": [1, 1]}
    np.testing.assert_array_equal(x.grad.numpy(), [12, 12])


@pytest.mark.parametrize("passed_on", [None, np.array([7.0, 8.0])])
def test_another_value_is_passed_on_and_another_gradient(passed_on: np.ndarray | None) -> None:
    received = []

    def receive(gradient: np.ndarray) -> np.ndarray | None:
        received.append(gradient)
        return passed_on

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    forced = TorchLoop({}).force(x * 2, np.array([10.0, 20.0]), receive)
    np.testing.assert_array_equal(forced.detach().numpy(), [10, 20])
    (forced**2).sum().backward()
    np.testing.assert_array_equal(received, [[20, 40]])
    expected = [40, 80] if passed_on is None else [14, 16]
    np.testing.assert_array_equal(x.grad.numpy(), expected)


def test_a_constant_is_forced_without_a_gradient() -> None:
    forced = TorchLoop({}).force(torch.ones(2), np.zeros(2), lambda gradient: None)
    assert not forced.requires_grad
    np.testing.assert_array_equal(forced.numpy(), [0, 0])


def test_a_constant_has_the_form_of_another_tensor() -> None:
    loop = TorchLoop({})
    like = torch.empty(2, 3, 4, 5, dtype=torch.float16).to(memory_format=torch.channels_last)
    array = np.arange(120.0)
    made = loop.constant(array, like)
    assert (made.shape, made.dtype, made.stride()) == (like.shape, like.dtype, like.stride())
    np.testing.assert_array_equal(made.numpy(), array.reshape(2, 3, 4, 5))
    made.add_(1)
    assert array[0] == 0
    assert loop.constant(array[:1], torch.ones(())).shape == ()
    assert not loop.constant(array[:1], torch.ones(1, requires_grad=True)).requires_grad


def test_tensors_are_told_from_other_things() -> None:
    loop, parameter = TorchLoop({}), nn.Parameter(torch.ones(1))
    assert loop.is_tensor(parameter)
    assert not loop.is_tensor(np.ones(1))
    assert loop.has_gradient(parameter)
    assert not loop.has_gradient(parameter.detach())
    assert loop.enables_gradients()
    with torch.no_grad():
        assert not loop.enables_gradients()
    array = loop.to_numpy(torch.full((1,), 1.5, dtype=torch.bfloat16))
    assert (array.dtype, array.tolist()) == (np.float32, [1.5])
    copied = loop.to_numpy(parameter)
    copied[0] = 9
    assert parameter.item() == 1


def test_the_mode_of_each_module_is_kept_and_set() -> None:
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    loop, adapter = TorchLoop({}), adapt(module)
    module[1].eval()
    modes = loop.modes(adapter)
    assert modes == [True, True, False]
    module.eval()
    module[1].train()
    loop.set_modes(adapter, modes)
    assert [m.training for m in module.modules()] == [True, True, False]


def test_second_differences_are_the_second_derivative_times_the_change() -> None:
    y = torch.tensor([1.0, -2.0, 0.5, 3.0], requires_grad=True)
    z = torch.tensor([2.0], requires_grad=True)
    unused = torch.tensor([1.0], requires_grad=True)
    # The second derivative of the mean of squares is 2/N, that of z^3 is 6 z.
    loss = F.mse_loss(y, torch.zeros(4)) + (z**3).sum() + 0 * unused.sum()
    changes = [
        [np.array([1e-3, -4e-3, 2e-3, 0]), np.array([0.0]), np.ones(1)],
        [np.array([1e-3, 1e-3, 1e-3, 0]), np.array([-2e-3]), np.ones(1)],
    ]
    found = TorchLoop({}).second_differences(loss, [y, z, unused], changes)
    np.testing.assert_allclose(found, [2 / 4 * 4e-3, 6 * 2 * 2e-3, 0], rtol=1e-6)
    loss.backward()  # the script still goes backward itself
    np.testing.assert_allclose(y.grad.numpy(), y.detach().numpy() / 2)


def test_a_linear_loss_has_no_second_difference() -> None:
    y = torch.ones(3, requires_grad=True)
    assert TorchLoop({}).second_differences(y.sum(), [y], [[np.ones(3)]]) == [0]


class Once(torch.autograd.Function):
    """A square whose gradient cannot be differentiated."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


def test_a_loss_that_cannot_be_differentiated_twice_has_none() -> None:
    y = torch.ones(3, requires_grad=True)
    loss = (Once.apply(y) ** 2).sum()
    assert TorchLoop({}).second_differences(loss, [y], [[np.ones(3)]]) is None
    loss.backward()
    np.testing.assert_array_equal(y.grad.numpy(), [4, 4, 4])
