"""Pooling agrees with PyTorch's, where Jittor's own does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jittor_env.compat import numerics, pooling
from tests.jittor_env.compat.comparison import error, jt

RNG = np.random.default_rng(0)
SHAPES = {1: (2, 3, 10), 2: (2, 3, 7, 10), 3: (2, 2, 5, 7, 6)}
# Name without the dimension, its numbers, its options.
CASES: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "max": ("max_pool", (1, 2, 3), {"kernel_size": 2}),
    "max, ceil mode, padded": (
        "max_pool", (1, 2, 3),
        {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    ),
    "max, dilated": ("max_pool", (1, 2), {"kernel_size": 3, "stride": 2, "padding": 1,
                                          "dilation": 2}),
    "average, ceil mode, padded": (
        "avg_pool", (1, 2, 3),
        {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    ),
    "average without the padding": (
        "avg_pool", (2, 3), {"kernel_size": 2, "padding": 1, "count_include_pad": False},
    ),
    "average, own divisor": ("avg_pool", (2, 3), {"kernel_size": 2, "divisor_override": 3}),
    "adaptive average": ("adaptive_avg_pool", (1, 2, 3), {"output_size": 4}),
    "adaptive average, larger": ("adaptive_avg_pool", (1, 2), {"output_size": 12}),
    "adaptive maximum": ("adaptive_max_pool", (1, 2, 3), {"output_size": 4}),
}  # fmt: skip
EACH = [(name, n) for name, (_, ns, _) in CASES.items() for n in ns]


def functions(module: Any, name: str, n: int) -> Callable[[Any], Any]:
    kind, _, options = CASES[name]
    return lambda x: getattr(module, f"{kind}{n}d")(x, **options)


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
@pytest.mark.parametrize(("name", "n"), EACH)
def test_values_and_gradients_are_pytorchs(
    name: str, n: int, kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)
        monkeypatch.setattr(pooling, "has_kernels", lambda *tensors: False)
    pair = functions(F, name, n), functions(pooling, name, n)
    # Few different numbers, so that maxima are met more than once.
    for x in (RNG.standard_normal(SHAPES[n]), RNG.integers(0, 3, SHAPES[n]).astype(float)):
        assert error(*pair, x) < 16
        assert error(*pair, x, dtype="float32") < 16
    assert error(*pair, RNG.standard_normal(SHAPES[n][1:])) < 16  # without a batch


OWN: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "max, ceil mode": (
        "max, ceil mode, padded",
        lambda x: jt.nn.MaxPool2d(3, 3, 1, ceil_mode=True)(x),
        functions(pooling, "max, ceil mode, padded", 2),
    ),
    "average, ceil mode": (
        "average, ceil mode, padded",
        lambda x: jt.nn.AvgPool2d(3, 2, 1, ceil_mode=True)(x),
        functions(pooling, "average, ceil mode, padded", 2),
    ),
    "adaptive average": (
        "adaptive average",
        lambda x: jt.nn.AdaptiveAvgPool2d(4)(x),
        functions(pooling, "adaptive average", 2),
    ),
    "adaptive maximum": (
        "adaptive maximum",
        lambda x: jt.nn.AdaptiveMaxPool2d(4)(x),
        functions(pooling, "adaptive maximum", 2),
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_jittors_own_differs(name: str) -> None:
    case, own, ported = OWN[name]
    x = RNG.standard_normal((2, 3, 8, 7))
    assert error(functions(F, case, 2), ported, x, dtype="float32") < 16
    assert error(functions(F, case, 2), own, x, dtype="float32") > 1e4


@pytest.mark.parametrize("kernels", [True, False], ids=["kernels", "operators"])
def test_positions_are_pytorchs(kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernels:
        monkeypatch.setattr(numerics, "has_kernels", lambda *tensors: False)
        monkeypatch.setattr(pooling, "has_kernels", lambda *tensors: False)
    x = RNG.integers(0, 3, SHAPES[2]).astype(np.float32)
    options: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "return_indices": True}
    expected = F.max_pool2d(torch.from_numpy(x), **options)
    actual = pooling.max_pool2d(jt.array(x), **options)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_nan_is_the_largest() -> None:
    x = np.array([[[0, np.nan, 1, 2]]])
    assert error(lambda x: F.max_pool1d(x, 2), lambda x: pooling.max_pool1d(x, 2), x) < 1


def test_the_gradient_can_be_differentiated() -> None:
    x = RNG.standard_normal(SHAPES[2])

    def of_torch(x: Any) -> Any:
        y = F.max_pool2d(x, 2) + F.avg_pool2d(x, 2)
        return torch.autograd.grad((y**3).sum(), x, create_graph=True)[0]

    def of_jittor(x: Any) -> Any:
        y = pooling.max_pool2d(x, 2) + pooling.avg_pool2d(x, 2)
        return jt.grad((y * y * y).sum(), x)

    assert error(of_torch, of_jittor, x) < 64


def test_what_pytorch_refuses_is_refused() -> None:
    x = jt.ones((1, 1, 4, 4))
    with pytest.raises(RuntimeError, match="at most half"):
        pooling.max_pool2d(x, 2, padding=2)
    with pytest.raises(RuntimeError, match="too small"):
        pooling.avg_pool2d(x, 5)
    with pytest.raises(RuntimeError, match="expected 2D or 3D"):
        pooling.adaptive_avg_pool1d(x, 2)
    with pytest.raises(RuntimeError, match="not implemented for int32"):
        pooling.avg_pool2d(jt.ones((1, 1, 4, 4), "int32"), 2)
    with pytest.raises(RuntimeError, match="divisor"):
        pooling.avg_pool2d(x, 2, divisor_override=0)
