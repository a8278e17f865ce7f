"""PyTorch stands in for Jittor: another source in place of a call, forward and backward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from parity.atlas.backends import Backend
from parity.atlas.calls.describing import Describer
from parity.atlas.calls.observing import observed
from parity.atlas.calls.replacing import CannotReplace, Replacing

X = torch.tensor([[3.0, 1.0], [2.0, 5.0]], dtype=torch.float64)


def run(
    function: Any, jittor: Backend, replaced: dict[str, list[str]], modules: Any = None
) -> tuple[Any, torch.Tensor]:
    """Return a function's result and gradient with some functions computed otherwise."""
    x = X.clone().requires_grad_()
    replacing = Replacing(
        Describer({}), lambda described: replaced.get(described.use.short_name, ()), jittor
    )
    with observed(modules or {}, replacing):
        result = function(x)
    total = result if isinstance(result, torch.Tensor) else result[0]
    (gradient,) = torch.autograd.grad(total.sum(), x)
    return result, gradient


def test_values_and_gradients_are_those_of_the_other_source(candidate: Backend) -> None:
    result, gradient = run(functional.silu, candidate, {"F.silu": ["x ** 3"]})
    assert torch.allclose(result, X**3)
    assert torch.allclose(gradient, 3 * X**2)


def test_containers_keep_their_form(candidate: Backend) -> None:
    result, gradient = run(lambda x: x.sort(1), candidate, {"x.sort": ["(-x).sort(1)"]})
    assert type(result) is torch.return_types.sort
    assert torch.equal(result.values, (-X).sort(1).values)
    assert torch.equal(result.indices, (-X).sort(1).indices)
    assert torch.equal(gradient, -torch.ones_like(X))


def test_the_first_source_that_fits_is_used(candidate: Backend) -> None:
    sources = ["torch.nothing(x)", "x[:1]", "x * 2"]
    result, _ = run(functional.silu, candidate, {"F.silu": sources})
    assert torch.equal(result, X * 2)
    with pytest.raises(CannotReplace):
        run(functional.silu, candidate, {"F.silu": sources[:2]})


def test_a_number_takes_the_place_of_a_tensor_without_dimensions(candidate: Backend) -> None:
    result, gradient = run(lambda x: x.sum(), candidate, {"x.sum": ["x.sum().reshape(1) * 2"]})
    assert result.shape == ()
    assert torch.equal(gradient, 2 * torch.ones_like(X))


def test_layers_are_replaced_and_what_is_not_named_is_left_alone(candidate: Backend) -> None:
    layer = nn.Softmax(dim=1)
    result, _ = run(layer, candidate, {"nn.Softmax": ["x * 0"]}, {"": layer})
    assert torch.equal(result, X * 0)
    result, _ = run(layer, candidate, {"nn.ReLU": ["x * 0"]}, {"": layer})
    assert torch.equal(result, torch.softmax(X, 1))
