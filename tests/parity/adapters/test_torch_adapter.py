"""The adapter changes a PyTorch module while it runs, and restores it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity.adapters.torch_adapter import TorchAdapter


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_stay_as_they_lie_in_memory(dtype: str) -> None:
    conv = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    strides = conv.weight.stride()
    weight = np.random.default_rng(0).standard_normal((6, 4, 3, 3)).astype(dtype)
    TorchAdapter(conv).assign({"weight": weight})
    np.testing.assert_array_equal(conv.weight.detach().numpy(), weight)
    assert str(conv.weight.dtype) == f"torch.{dtype}"
    assert conv.weight.stride() == strides
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_gradients_are_told_by_the_place_of_their_source_and_only_where_they_flow() -> None:
    adapter = TorchAdapter(nn.Linear(2, 2))
    x, passed = adapter.variable(np.array([3.0, 4.0]))
    unused, _ = adapter.variable(np.array([1.0]))
    weight = torch.full((2,), 5.0, dtype=torch.float64, requires_grad=True)
    taken: dict[int, Any] = {}
    outputs = [(passed * weight, np.array([1.0, 10.0]))]
    adapter.vjp(outputs, [unused, weight, x], lambda n, g: taken.update({n: g.tolist()}))
    assert taken == {1: [3.0, 40.0], 2: [5.0, 50.0]}
    assert outputs == []


def test_a_value_that_came_in_can_be_changed_in_place() -> None:
    adapter = TorchAdapter(nn.Linear(2, 2))
    x, passed = adapter.variable(np.array([1.0, 2.0]))
    passed.mul_(3.0)
    taken: dict[int, Any] = {}
    adapter.vjp([(passed, np.ones(2))], [x], lambda n, g: taken.update({n: g.tolist()}))
    assert passed.tolist() == [3.0, 6.0]
    assert taken == {0: [3.0, 3.0]}


def test_cotangents_join_what_flows_already_and_a_tensor_given_twice_counts_twice() -> None:
    adapter = TorchAdapter(nn.Linear(2, 2))
    weight = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    inner = weight * 5.0
    outer = inner * 7.0
    taken: dict[int, Any] = {}
    heads = [inner, inner, outer, weight]
    outputs = [(head, np.full(2, 10.0**n, np.float32)) for n, head in enumerate(heads)]
    adapter.vjp(outputs, [weight], lambda n, g: taken.update({n: g.tolist()}))
    assert taken == {0: [5.0 + 50.0 + 3500.0 + 1000.0] * 2}
