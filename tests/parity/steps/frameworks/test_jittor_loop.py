"""A loop of Jittor: what is watched of it, and that the loop computes what it did before."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import jittor_env
from parity.adapters.protocol import adapt

jt = jittor_env.load()

from parity.steps.frameworks.jittor_loop import JittorLoop  # noqa: E402


class Listener:
    """Keeps what it is watched of, in order, and changes nothing."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.draws: list[tuple[str, Any]] = []

    def batch(self, batch: Any) -> Any:
        self.events.append("batch")
        return batch

    def draw(self, family: str, result: Any) -> Any:
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
        yield


class One(jt.Module):
    """Multiplies by one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = jt.array(np.array([2.0], np.float32))

    def execute(self, x: Any, *, scale: float = 1.0) -> Any:
        return self.weight * x * scale


class Data(jt.dataset.Dataset):
    """Two numbers, one in a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.set_attrs(batch_size=1, total_len=2, shuffle=False)

    def __getitem__(self, index: int) -> np.ndarray:
        return np.array([[1.0], [3.0]], np.float32)[index]


def names_of(module: Any) -> dict[int, str]:
    return {id(module.weight): "weight"}


def test_events_are_told_of_in_their_order() -> None:
    module, listener = One(), Listener()
    optimizer = jt.optim.SGD(module.parameters(), 0.5)
    loop = JittorLoop({"net": adapt(module)})
    loop.optimizer("sgd", optimizer, names_of(module))
    with loop.watching(listener):  # type: ignore[arg-type]
        for x in Data():
            optimizer.step(module(x).sum())
    step = ["backward ends", "step of sgd", "step ends"]
    assert listener.events == [
        "batch", "call net", "backward of 2", "adds to weight", *step,
        "batch", "call net", "backward of 4.5", "adds to weight", *step,
    ]  # fmt: skip
    assert module.weight.item() == 2 - 0.5 * 1 - 0.5 * 3


def test_nothing_is_left_behind() -> None:
    module, listener = One(), Listener()
    optimizer = jt.optim.SGD(module.parameters(), 0.5)
    loop = JittorLoop({"": adapt(module)})
    loop.optimizer("", optimizer, names_of(module))
    before = jt.dataset.Dataset.__iter__, jt.rand, jt.randn, jt.nn.Dropout.execute, jt.grad

    def fail() -> None:
        with loop.watching(listener):  # type: ignore[arg-type]
            loop.watch_draws(True)
            assert jt.rand is not before[1]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert before == (
        jt.dataset.Dataset.__iter__, jt.rand, jt.randn, jt.nn.Dropout.execute, jt.grad,
    )  # fmt: skip
    assert "execute" not in vars(module)
    jt.rand(1)
    optimizer.step(module(jt.ones(1)).sum())
    assert (listener.events, listener.draws) == ([], [])


def test_an_execute_of_the_module_itself_is_put_back() -> None:
    module, loop = One(), JittorLoop({})

    def execute(x: Any, *, scale: float = 1.0) -> Any:
        return x * scale

    module.execute = execute
    loop.add_model("net", adapt(module))
    with loop.watching(Listener()):  # type: ignore[arg-type]
        assert inspect.signature(module.execute) == inspect.signature(execute)
        assert module(jt.ones(1), scale=3.0).item() == 3
    assert module.execute is execute


def test_parts_may_be_added_while_the_loop_runs() -> None:
    module, listener = One(), Listener()
    optimizers = [jt.optim.SGD(module.parameters(), 0.5) for _ in range(2)]
    loop = JittorLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        loop.add_model("net", adapt(module))
        for optimizer in optimizers:  # the second one in place of the first
            loop.optimizer("sgd", optimizer, names_of(module))
        optimizers[0].step(module(jt.ones(1)).sum())
        assert listener.events == ["call net"]
        optimizers[1].step(module(jt.ones(1)).sum())
    assert listener.events[-2:] == ["step of sgd", "step ends"]
    assert "step" not in vars(optimizers[0])
    assert "step" not in vars(optimizers[1])


DRAWS: dict[str, tuple[str, Any]] = {
    "rand": ("uniform", lambda: jt.rand(3)),
    "rand_like": ("uniform", lambda: jt.rand_like(jt.ones(3))),
    "randn": ("normal", lambda: jt.randn(3)),
    "randn_like": ("normal", lambda: jt.randn_like(jt.ones(3))),
    "randint": ("integers", lambda: jt.randint(0, 100, (3,))),
    "randperm": ("permutation", lambda: jt.randperm(3)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_are_told_of_once_and_stay_what_they_were(name: str) -> None:
    family, draw = DRAWS[name]
    jt.set_global_seed(5)
    expected = draw().numpy()
    listener, loop = Listener(), JittorLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        jt.set_global_seed(5)
        loop.watch_draws(True)
        found = draw().numpy()
        loop.watch_draws(False)
        draw()
    np.testing.assert_array_equal(found, expected)
    ((kind, array),) = listener.draws
    assert kind == family
    np.testing.assert_array_equal(array, expected)


def test_dropout_tells_which_elements_it_drops() -> None:
    layer, x = jt.nn.Dropout(0.4), np.linspace(1, 2, 50, dtype=np.float32)
    layer.train()
    jt.set_global_seed(5)
    expected = layer(jt.array(x)).numpy()
    listener, loop = Listener(), JittorLoop({})
    with loop.watching(listener):  # type: ignore[arg-type]
        loop.watch_draws(True)
        jt.set_global_seed(5)
        found = layer(jt.array(x)).numpy()
        layer.eval()
        np.testing.assert_array_equal(layer(jt.array(x)).numpy(), x)
    np.testing.assert_array_equal(found, expected)
    ((family, array),) = listener.draws
    assert family == "dropout"
    kept = np.where(array < 0.4, 0, x / np.float32(0.6))
    np.testing.assert_allclose(kept, expected, rtol=1e-6)
    assert 0 < (array < 0.4).sum() < 50
    assert (array < 1).all()


def test_outputs_are_held_until_a_backward_pass_and_released() -> None:
    module, received = One(), []
    optimizer = jt.optim.SGD(module.parameters(), 0.5)
    loop = JittorLoop({"": adapt(module)})
    loop.optimizer("", optimizer, names_of(module))
    with loop.watching(Listener()):  # type: ignore[arg-type]
        output = module(jt.array([3.0]))
        held = loop.hold(output, received.append, alone=True)  # type: ignore[arg-type]
        assert held is output
        optimizer.step((held * held).sum())
        np.testing.assert_array_equal(received, [[12]])
        assert module.weight.item() == 2 - 0.5 * 12 * 3
        loop.release()
        optimizer.step(module(jt.array([3.0])).sum())
    assert len(received) == 1


@pytest.mark.parametrize("passed_on", [None, np.array([7.0, 8.0])])
def test_another_value_is_passed_on_and_another_gradient(passed_on: np.ndarray | None) -> None:
    received = []

    def receive(gradient: np.ndarray) -> np.ndarray | None:
        received.append(gradient)
        return passed_on

    x = jt.array(np.array([1.0, 2.0], np.float32))
    forced = JittorLoop({}).force(x * 2, np.array([10.0, 20.0]), receive)
    np.testing.assert_array_equal(forced.numpy(), [10, 20])
    gradient = jt.grad((forced * forced).sum(), x).numpy()
    np.testing.assert_array_equal(received, [[20, 40]])
    np.testing.assert_array_equal(gradient, [40, 80] if passed_on is None else [14, 16])


def test_what_needs_no_gradient_is_forced_without_one() -> None:
    loop, received = JittorLoop({}), []
    for tensor in (jt.ones(2).stop_grad(), jt.array(np.array([1, 2], np.int32))):
        forced = loop.force(tensor, np.array([5, 6]), received.append)  # type: ignore[arg-type]
        assert forced.dtype == tensor.dtype
        np.testing.assert_array_equal(forced.numpy(), [5, 6])
    assert received == []


def test_what_reaches_an_output_through_another_one_is_not_its_own() -> None:
    module = One()
    optimizer = jt.optim.SGD(module.parameters(), 0.5)
    loop = JittorLoop({"": adapt(module)})
    loop.optimizer("", optimizer, names_of(module))
    received: dict[str, Any] = {}
    with loop.watching(Listener()):  # type: ignore[arg-type]
        first = module(jt.array([3.0]))
        second = first * 10
        held = loop.hold(first, lambda g: received.update(first=g), alone=False)
        other = loop.hold(second, lambda g: received.update(second=g), alone=False)
        optimizer.step((held * 2 + other).sum())
    assert {name: g.tolist() for name, g in received.items()} == {"first": [2], "second": [1]}
    assert module.weight.item() == 2 - 0.5 * (2 + 10) * 3


def test_a_constant_has_the_form_of_another_tensor() -> None:
    loop = JittorLoop({})
    for dtype in ("float32", "int32", "float16"):
        like = jt.array(np.zeros((2, 1), dtype))
        made = loop.constant(np.array([1.0, 3.0]), like)
        assert str(made.dtype) == dtype == str(like.dtype)
        np.testing.assert_array_equal(made.numpy(), [[1], [3]])
        assert made.is_stop_grad()


def test_float64_keeps_its_digits() -> None:
    module, loop, value = One(), JittorLoop({}), np.array([1 / 3])
    with adapt(module).in_precision("float64", training=True):
        made = loop.constant(value, module.weight)
        assert str(made.dtype) == "float64"
        np.testing.assert_array_equal(loop.to_numpy(made), value)


def test_tensors_are_told_from_other_things() -> None:
    loop, tensor = JittorLoop({}), jt.array(np.ones(1, np.float32))
    assert loop.is_tensor(tensor)
    assert not loop.is_tensor(np.ones(1))
    assert loop.has_gradient(tensor)
    assert not loop.has_gradient(jt.ones(1).stop_grad())
    assert not loop.has_gradient(jt.array(np.ones(1, np.int32)))
    assert loop.enables_gradients()
    with jt.no_grad():
        assert not loop.enables_gradients()
    array = loop.to_numpy(jt.array(np.full(1, 1.5, np.float16)))
    assert (array.dtype, array.tolist()) == (np.float32, [1.5])
    copied = loop.to_numpy(tensor)
    copied[0] = 9
    assert tensor.item() == 1


def test_the_mode_of_each_module_is_kept_and_set() -> None:
    module = jt.nn.Sequential(jt.nn.Dropout(), jt.nn.BatchNorm1d(2))
    loop, adapter = JittorLoop({}), adapt(module)
    fresh = loop.modes(adapter)
    module.train()
    module[1].eval()
    modes = loop.modes(adapter)
    assert modes == [True, True, False]
    module.eval()
    loop.set_modes(adapter, modes)
    assert loop.modes(adapter) == [True, True, False]
    loop.set_modes(adapter, fresh)
    assert loop.modes(adapter) == fresh


def test_second_differences_are_the_second_derivative_times_the_change() -> None:
    y = jt.array(np.array([1.0, -2.0, 0.5, 3.0], np.float32))
    z = jt.array(np.array([2.0, 1.0], np.float32))
    # The second derivative of the mean of squares is 2/N, that of z^3 is 6 z.
    loss = (y * y).sum() / 4 + (z * z * z).sum()
    changes = [
        [np.array([1e-3, -4e-3, 2e-3, 0]), np.array([0.0, 0.0])],
        [np.array([1e-3, 1e-3, 1e-3, 0]), np.array([-2e-3, 1e-3])],
    ]
    found = JittorLoop({}).second_differences(loss, [y, z], changes)
    np.testing.assert_allclose(found, [2 / 4 * 4e-3, 6 * 2 * 2e-3], rtol=1e-6)
    # The script still goes backward itself.
    np.testing.assert_allclose(jt.grad(loss, y).numpy(), y.numpy() / 2)


def test_a_linear_loss_has_no_second_difference() -> None:
    y = jt.array(np.ones(3, np.float32))
    assert JittorLoop({}).second_differences(y.sum(), [y], [[np.ones(3)]]) == [0]
