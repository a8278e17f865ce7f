"""Casts follow a float64 run, and results below float32 are seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from parity.adapters.torch_adapter import TorchAdapter
from parity.adapters.torch_precision import (
    CastsToFloat64,
    ObservedPrecision,
    attributes_in_float64,
)

X = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
FLOATS = np.array([0.1, 0.2, 0.3], np.float32)
Made = Callable[[], torch.Tensor]
CASTS: dict[str, Made] = {
    "float": lambda: X.float(),
    "half": lambda: X.half(),
    "bfloat16": lambda: X.bfloat16(),
    "to": lambda: X.to(torch.float32),
    "to by keyword": lambda: X.to(dtype=torch.half, copy=True),
    "to a device and dtype": lambda: X.to("cpu", torch.float32),
    "to another's": lambda: X.to(torch.from_numpy(FLOATS)),
    "type": lambda: X.type(torch.float32),
    "type by name": lambda: X.type("torch.FloatTensor"),
    "type by class": lambda: X.type(torch.HalfTensor),
    "type_as": lambda: X.type_as(torch.from_numpy(FLOATS)),
    "softmax": lambda: X.log().softmax(0, dtype=torch.float32).log().exp() * 0.6,
    "clone": lambda: torch.empty_like(X, dtype=torch.float32).copy_(X),
    "full": lambda: torch.stack([torch.full((), v, dtype=torch.float32) for v in (0.1, 0.2, 0.3)]),
    "tensor": lambda: torch.tensor([0.1, 0.2, 0.3], dtype=torch.float32),
    "autocast": lambda: _autocast(),
}


def _autocast() -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return X @ torch.eye(3, dtype=torch.float32)


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_keeps_all_digits(name: str) -> None:
    with CastsToFloat64():
        made = CASTS[name]()
    assert made.dtype == torch.float64
    torch.testing.assert_close(made, X, rtol=0, atol=1e-16)


def test_integers_booleans_and_bits_are_left_alone() -> None:
    with CastsToFloat64():
        assert X.long().dtype == torch.int64
        assert X.to(torch.bool).dtype == torch.bool
        assert X.to(torch.tensor([1])).dtype == torch.int64
        assert X.view(torch.int64).dtype == torch.int64
        assert X.type("torch.LongTensor").dtype == torch.int64
        assert X.type() == "torch.DoubleTensor"
        assert torch.zeros(2, dtype=torch.int32).dtype == torch.int32
        assert X.to(torch.complex64).dtype == torch.complex128


def test_what_escaped_is_float64_where_it_meets_float64() -> None:
    escaped = torch.from_numpy(np.eye(3, dtype=np.float32))
    with CastsToFloat64():
        assert (X @ escaped).dtype == torch.float64
        assert nn.functional.linear(X, escaped).dtype == torch.float64
        escaped.add_(X)  # what is written to stays what it was
        assert escaped.dtype == torch.float32
        assert torch.tensor(FLOATS).dtype == torch.float64
        assert X.new_tensor(FLOATS).dtype == torch.float64


def test_casts_in_a_backward_pass_follow_too() -> None:
    class Cast(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
            return x.float() * 1

        @staticmethod
        def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
            return gradient.half() * 0.1

    x = X.clone().requires_grad_()
    with CastsToFloat64():
        (gradient,) = torch.autograd.grad(Cast.apply(x).sum(), [x])
        Cast.apply(x).sum().backward()
    assert torch.equal(gradient, torch.full((3,), 0.1, dtype=torch.float64))
    assert x.grad is not None
    assert torch.equal(gradient, x.grad)


def test_nothing_changes_outside_of_the_mode() -> None:
    with CastsToFloat64():
        X.float()
    assert X.float().dtype == torch.float32


def test_attributes_are_cast_and_put_back() -> None:
    module = nn.Module()
    module.table, module.names = [torch.eye(2), torch.tensor([1])], ["a"]
    before = module.table
    with attributes_in_float64([module]):
        assert module.table[0].dtype == torch.float64
        assert module.table[1].dtype == torch.int64
    assert module.table is before
    assert module.table[0].dtype == torch.float32


def test_results_below_float32_are_told() -> None:
    seen: list[float] = []
    x = X.float()
    with ObservedPrecision(seen.append):
        _ = x * 2
        assert seen == []
        _ = x.half().float()
        assert seen == [2.0**-10]
        with torch.autocast("cpu", torch.bfloat16):
            _ = x @ x
    assert seen[-1] == 2.0**-7


def test_half_precision_weights_keep_their_precision_in_float32_runs() -> None:
    module = nn.Sequential(nn.Linear(2, 2).bfloat16(), nn.Linear(2, 2))
    adapter = TorchAdapter(module)
    assert adapter.low_precisions() == {"0.weight": "bfloat16", "0.bias": "bfloat16"}
    assert adapter.input_precision == "bfloat16"
    weight = module[0].weight
    with adapter.in_precision("float64", training=False):
        assert weight.dtype == torch.float64
    with adapter.in_precision("float32", training=False):
        assert weight.dtype == torch.bfloat16
        assert module[1].weight.dtype == torch.float32
        adapter.assign({"0.weight": np.full((2, 2), 1.5, np.float32)})
        assert weight.dtype == torch.bfloat16
        array = adapter.to_numpy(weight)
    assert array.dtype == np.float32
    assert np.all(array == 1.5)
