"""Dropout takes the caller's random numbers, and is PyTorch's own in everything else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import dropout as imported_by_name

from parity import Pair, check
from parity.adapters.torch_adapter import TorchAdapter
from parity.adapters.torch_dropout import ALPHA

RATE = 0.4


class Imported(nn.Module):
    """Calls the dropout that this file imported before there was any comparison."""

    def __init__(self, rate: float = RATE) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return imported_by_name(self.linear(x), self.rate, self.training)


class Layered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(6, 6), nn.Dropout(RATE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.linear(x))


def test_dropout_that_was_imported_by_name_has_the_same_draws_as_a_layer() -> None:
    pair = Pair(
        name="imported dropout", reference=Layered, candidate=Imported, training=True,
        stress_inputs=("plain",),
        inputs=lambda rng: {"x": rng.standard_normal((4, 6), np.float32)},
    )  # fmt: skip
    report = check(pair)
    assert report.passed, str(report)
    assert not check(dataclasses.replace(pair, candidate=lambda: Imported(0.3))).passed


def with_source(function: Callable[[], Any], kept: torch.Tensor) -> tuple[Any, list[Any]]:
    """Call a function with a mask; return its result and the shapes that were asked for."""
    shapes: list[tuple[int, ...]] = []

    def source(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        shapes.append(shape)
        mask = kept.numpy() * 0.999
        return np.broadcast_to(mask, shape) if kept.dim() == 0 else mask.reshape(shape)

    with TorchAdapter(nn.Identity()).dropout_from(source):
        return function(), shapes


def dropped_value(name: str) -> float:
    """Return what PyTorch sets a dropped element to."""
    if "alpha" not in name:
        return 0.0
    return ALPHA * (1 - RATE) / math.sqrt((ALPHA**2 * RATE + 1) * (1 - RATE))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(
    ("name", "shape", "mask_shape"),
    [
        ("dropout", (5, 7), (5, 7)),
        ("dropout1d", (4, 5, 6), (4, 5, 1)),
        ("dropout1d", (9, 6), (9, 1)),
        ("dropout2d", (4, 5, 6, 2), (4, 5, 1, 1)),
        ("dropout3d", (4, 5, 2, 2, 2), (4, 5, 1, 1, 1)),
        ("dropout3d", (9, 2, 2, 2), (9, 1, 1, 1)),
        ("alpha_dropout", (5, 7), (5, 7)),
        ("feature_alpha_dropout", (4, 5, 6), (4, 5, 1)),
    ],
)
def test_each_function_does_with_a_mask_what_pytorch_does_with_its_own(
    name: str, shape: tuple[int, ...], mask_shape: tuple[int, ...], inplace: bool
) -> None:
    function = getattr(F, name)
    x = torch.rand(shape, dtype=torch.float64) + 1
    torch.manual_seed(0)
    expected = function(x, RATE, True)
    corner = tuple(slice(0, size) for size in mask_shape)
    kept = ~torch.isclose(expected, torch.full_like(expected, dropped_value(name)))[corner]
    assert kept.any()
    assert not kept.all()

    given = x.clone()
    result, shapes = with_source(lambda: function(given, RATE, True, inplace), kept)
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert shapes == [mask_shape]
    torch.testing.assert_close(given, expected if inplace else x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["dropout", "dropout2d", "alpha_dropout"])
@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (RATE, False), (1.0, True)])
def test_where_nothing_is_random_the_result_is_pytorchs(
    name: str, rate: float, training: bool
) -> None:
    x = torch.rand(2, 3, 4, 4)
    expected = getattr(F, name)(x, rate, training)
    result, _ = with_source(lambda: getattr(F, name)(x, rate, training), torch.zeros(()))
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


def test_a_rate_out_of_range_raises_as_pytorch_does() -> None:
    for call in (lambda: F.dropout(torch.ones(2), 1.5), lambda: F.alpha_dropout(torch.ones(2), -1)):
        with pytest.raises(ValueError, match="between 0 and 1") as expected:
            call()
        with pytest.raises(ValueError, match="between 0 and 1") as raised:
            with_source(call, torch.zeros(()))
        assert str(raised.value) == str(expected.value)


def test_grouped_heads_are_shared_as_pytorch_shares_them() -> None:
    torch.manual_seed(0)
    query = torch.rand(2, 4, 5, 3, dtype=torch.float64)
    key = torch.rand(2, 2, 5, 3, dtype=torch.float64)
    value = torch.eye(5, dtype=torch.float64).expand(2, 2, 5, 5)
    settings = {"dropout_p": RATE, "is_causal": True, "scale": 0.7, "enable_gqa": True}
    expected = F.scaled_dot_product_attention(query, key, value, **settings)
    result, shapes = with_source(
        lambda: F.scaled_dot_product_attention(query, key, value, **settings), expected != 0
    )
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert shapes == [(2, 4, 5, 5)]


@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention_takes_its_draws_as_well(need_weights: bool) -> None:
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(6, 2, RATE, batch_first=True).double()
    x = torch.rand(3, 5, 6, dtype=torch.float64)
    expected, weights = layer(x, x, x, average_attn_weights=False)
    (result, _), shapes = with_source(
        lambda: layer(x, x, x, need_weights=need_weights), weights != 0
    )
    torch.testing.assert_close(result, expected, rtol=1e-12, atol=1e-12)
    assert len(shapes) == 1


def test_nothing_stays_after_an_error() -> None:
    before = dict(vars(F))
    with pytest.raises(ZeroDivisionError):
        with_source(lambda: 1 / 0, torch.zeros(()))
    assert vars(F) == before
    torch.manual_seed(0)
    assert 0 < (F.dropout(torch.ones(1000), 0.5) == 0).sum() < 1000
