"""A comparison leaves the models, gradients and generators as it found them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair, check


class Model(nn.Module):
    def __init__(self, fails: BaseException | None = None) -> None:
        super().__init__()
        self.l, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.register_buffer("only_here", torch.zeros(2), persistent=False)
        self.l.bias.requires_grad_(False)
        self.l.weight.grad = torch.ones(4, 4)
        self.fails = fails

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.only_here += 1
        if self.fails is not None and x.dtype == torch.float64:
            raise self.fails
        result: torch.Tensor = self.norm(self.l(x))
        return result


def state(model: nn.Module) -> dict[str, Any]:
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "values": {name: (str(t.dtype), t.detach().clone()) for name, t in tensors.items()},
        "pointers": {name: t.data_ptr() for name, t in tensors.items()},
        "gradients": {n: (p.requires_grad, p.grad) for n, p in model.named_parameters()},
        "modes": {name: module.training for name, module in model.named_modules()},
        "hooks": {
            name: (len(m._forward_hooks), len(m._backward_hooks), "forward" in vars(m))
            for name, m in model.named_modules()
        },
        "tensor hooks": {n: len(p._backward_hooks or ()) for n, p in model.named_parameters()},
        "generators": (
            torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
        ),
        "default dtype": str(torch.get_default_dtype()),
    }  # fmt: skip


def assert_equal(actual: Any, expected: Any) -> None:
    """Compare nested values, tensors and arrays by their elements."""
    assert type(actual) is type(expected)
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key in expected:
            assert_equal(actual[key], expected[key])
    elif isinstance(expected, tuple):
        assert len(actual) == len(expected)
        for a, b in zip(actual, expected, strict=True):
            assert_equal(a, b)
    elif isinstance(expected, (torch.Tensor, np.ndarray)):
        np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))
    else:
        assert actual == expected


def pair(models: list[Model], **options: Any) -> Pair:
    reference, candidate = models
    return Pair(
        name="p",
        reference=lambda: reference,
        candidate=lambda: candidate,
        inputs=lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)},
        stress_inputs=("plain", "zeros"),
        optimizer={"torch": lambda p: torch.optim.SGD([q for q in p if q.requires_grad], 0.1)},
        loss=lambda y: y.square().mean(),
        **options,
    )


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fails", [None, ValueError("no"), KeyboardInterrupt()])
def test_models_and_generators_are_what_they_were(
    training: bool, fails: BaseException | None
) -> None:
    torch.manual_seed(0)
    models = [Model(), Model(fails)]
    models[0].eval()
    models[1].norm.eval()
    before = [state(model) for model in models]
    if fails is None:
        check(pair(models, training=training))
    else:
        with pytest.raises((CannotCompare, KeyboardInterrupt)):
            check(pair(models, training=training))
    for model, was in zip(models, before, strict=True):
        assert_equal(state(model), was)


def test_builders_that_draw_do_not_move_the_users_generators() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    check(
        Pair(
            name="p", reference=lambda: nn.Linear(2, 2), candidate=lambda: nn.Linear(2, 2),
            inputs=lambda g: g.standard_normal((3, 2)).astype(np.float32), stress_inputs=("plain",),
        )
    )  # fmt: skip
    assert torch.equal(torch.rand(3), expected)


@pytest.fixture
def jittor_model() -> Callable[[], Any]:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.l, self.norm = jt.nn.Linear(4, 4), jt.nn.BatchNorm1d(4)

        def execute(self, x: Any) -> Any:
            return self.norm(self.l(x))

    return Port


def test_jittors_tensors_are_what_they_were(jittor_model: Callable[[], Any]) -> None:
    class Reference(Model):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.norm(self.l(x))
            return result

    port = jittor_model()
    port.eval()  # stops the gradients of its parameters
    before = {
        name: (str(var.dtype), var.is_stop_grad(), var.numpy().copy())
        for name, var in port.state_dict().items()
    }
    check(
        Pair(
            name="p", reference=Reference, candidate=lambda: port, training=True,
            inputs=lambda g: {"x": g.standard_normal((3, 4)).astype(np.float32)},
            stress_inputs=("plain",),
        )
    )  # fmt: skip
    for name, (dtype, stopped, array) in before.items():
        var = port.state_dict()[name]
        assert (str(var.dtype), var.is_stop_grad()) == (dtype, stopped), name
        np.testing.assert_array_equal(var.numpy(), array)
