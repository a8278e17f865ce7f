"""Maxima and minima have PyTorch's values and gradients, where Jittor's own do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from jittor_env.compat.functional import extrema
from tests.jittor_env.compat.comparison import error, jt

RNG = np.random.default_rng(0)
X = RNG.integers(-2, 3, (3, 4, 5)).astype(float)  # with ties
Y = RNG.integers(-2, 3, (4, 1)).astype(float)
Function = Callable[..., Any]
CASES: dict[str, tuple[Callable[[Any], Function], Function, tuple[Any, ...]]] = {
    "amax": (lambda m: lambda x: m.amax(x, (0, 2)), lambda x: x.max((0, 2)), (X,)),
    "amin of all": (lambda m: lambda x: m.amin(x, keepdim=True), lambda x: x.min(), (X,)),
    "max": (lambda m: lambda x: m.max(x), lambda x: x.max(), (X,)),
    "min": (lambda m: lambda x: m.min(x), lambda x: x.min(), (X,)),
    "max along": (lambda m: lambda x: m.max(x, 1)[0], lambda x: x.max(1), (X,)),
    "min along": (
        lambda m: lambda x: m.min(x, -1, keepdim=True)[0], lambda x: x.min(-1, keepdims=True), (X,),
    ),
    "max of two": (lambda m: lambda x, y: m.max(x, y), jt.maximum, (X, Y)),
    "maximum": (lambda m: lambda x, y: m.maximum(x, y), jt.maximum, (X, Y)),
    "minimum": (lambda m: lambda x, y: m.minimum(x, y), jt.minimum, (X, Y)),
    "abs": (lambda m: lambda x: m.abs(x), jt.abs, (X,)),
    "clamp": (lambda m: lambda x: m.clamp(x, -1, 1), lambda x: jt.clamp(x, -1, 1), (X,)),
    "clamp, bounds crossed": (
        lambda m: lambda x: m.clamp(x, min=1, max=-1), lambda x: jt.clamp(x, -1, 1), (X,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_pytorchs(name: str, dtype: str) -> None:
    function, own, arrays = CASES[name]
    assert error(function(torch), function(extrema), *arrays, dtype=dtype) < 4
    assert error(function(torch), own, *arrays, dtype=dtype) > 1000


@pytest.mark.parametrize("name", [name for name in CASES if name != "abs"])
def test_nan_is_passed_on(name: str) -> None:
    function, _, arrays = CASES[name]
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, RNG.standard_normal(X.shape))

    def values(module: Any) -> Function:
        return lambda *a: function(module)(*a).detach()

    assert error(values(torch), values(extrema), holes, *arrays[1:]) < 4


@pytest.mark.parametrize("name", ["amax", "amin of all", "max along", "min along"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_infinities_are_numbers_like_others(name: str, sign: int) -> None:
    function, own, _ = CASES[name]
    x = np.full(X.shape, sign * np.inf)
    assert error(function(torch), function(extrema), x, dtype="float32") < 4
    if (sign < 0) == ("max" in name):
        assert error(function(torch), own, x, dtype="float32") > 1000


def test_indices_are_of_the_first() -> None:
    expected = torch.from_numpy(X).max(1)
    values, indices = extrema.max(jt.array(X.astype(np.float32)), 1)
    np.testing.assert_array_equal(indices.numpy(), expected.indices.numpy())
    np.testing.assert_array_equal(values.numpy(), expected.values.numpy())


def test_dtypes_are_promoted_as_pytorch_does() -> None:
    with jt.flag_scope(auto_convert_64_to_32=0):
        single, integers = jt.ones(3), jt.array(np.arange(3))
        assert extrema.maximum(single, integers).dtype == "float32"
        assert extrema.maximum(single, jt.ones(3, "float64")).dtype == "float64"
        assert extrema.minimum(integers, jt.ones(3, "int32")).dtype == "int64"
        assert extrema.clamp(integers, min=0.5).dtype == "float32"
        assert extrema.clamp(jt.ones(3, "float64"), min=2.0).dtype == "float64"


def test_integers_have_values() -> None:
    integers = X.astype(np.int32)
    for name in ("amax", "amin"):
        expected = getattr(torch, name)(torch.from_numpy(integers), 1).numpy()
        actual = getattr(extrema, name)(jt.array(integers), 1).numpy()
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(extrema.abs(jt.array(integers)).numpy(), np.abs(integers))


def test_what_pytorch_refuses_is_refused() -> None:
    with pytest.raises(IndexError, match="out of range"):
        extrema.amax(jt.ones((2, 3)), 2)
    with pytest.raises(ValueError, match="at least one"):
        extrema.clamp(jt.ones(2))
