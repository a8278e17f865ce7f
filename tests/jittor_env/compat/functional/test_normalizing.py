"""Softmax and norms have PyTorch's values and gradients, where Jittor's own do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from jittor_env.compat.functional import normalizing as softmax
from tests.jittor_env.compat.comparison import error, jt

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 5)) * 10


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dim", [0, -1, None])
def test_softmax_is_pytorchs(name: str, dim: int | None, dtype: str) -> None:
    pair = [lambda x, m=m: getattr(m, name)(x, dim=dim) for m in (F, softmax)]
    limit = 32
    assert error(*pair, X, dtype=dtype) < limit
    with_infinities = np.where(RNG.random(X.shape) < 0.3, -np.inf, X)
    assert error(*pair, with_infinities + 0 * X[:1], dtype=dtype) < limit


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_jittors_own_normalises_everything_without_a_dimension() -> None:
    assert error(F.softmax, softmax.softmax, X) < 32
    assert error(F.softmax, jt.nn.softmax, X) > 1e6


def test_integers_are_refused_where_jittors_own_returns_zeros() -> None:
    integers = jt.array(np.arange(4))
    with pytest.raises(RuntimeError, match="not implemented for int32"):
        softmax.softmax(integers, 0)
    assert softmax.softmax(integers, 0, "float32").numpy().sum() == pytest.approx(1)
    assert not jt.nn.softmax(integers, 0).numpy().any()


def test_the_gradient_can_be_differentiated() -> None:
    def of_torch(x: Any) -> Any:
        y = F.softmax(x, 1) + F.log_softmax(x, 0)
        return torch.autograd.grad((y**3).sum(), x, create_graph=True)[0]

    def of_jittor(x: Any) -> Any:
        y = softmax.softmax(x, 1) + softmax.log_softmax(x, 0)
        return jt.grad((y * y * y).sum(), x)

    assert error(of_torch, of_jittor, X / 10) < 256


@pytest.mark.parametrize("order", ["fro", 0, 0.5, 1, 2, 3.5, math.inf, -math.inf])
@pytest.mark.parametrize("dim", [None, 1, (0, 2)])
def test_norms_are_pytorchs(order: Any, dim: Any) -> None:
    if order == "fro" and isinstance(dim, int):
        return
    x = X / 10
    pair = [lambda x, m=m: m.norm(x, order, dim, keepdim=dim is not None) for m in (torch, softmax)]
    assert error(*pair, x) < 64
    assert error(*pair, x, dtype="float32") < 64
    if order != 0.5:  # whose gradient at 0 PyTorch has as NaN
        x[:, 1] = 0
        assert error(*pair, x) < 64
        assert error(*pair, np.zeros((2, 3, 2))) == 0


def test_the_norm_of_zeros_in_jittors_own_is_not_zero() -> None:
    assert jt.norm(jt.zeros(3), 2, 0).numpy().item() > 0
    assert softmax.norm(jt.zeros(3), 2, 0).numpy().item() == 0


def test_normalize_is_pytorchs() -> None:
    x = RNG.standard_normal((3, 4)) * np.array([[1], [1e-10], [0]])
    pair = [lambda x, m=m: m.normalize(x) for m in (F, softmax)]
    assert error(*pair, x) < 64
    tiny = RNG.standard_normal((3, 4)) * 1e-14
    assert error(*pair, tiny) < 64
    assert error(F.normalize, lambda x: jt.normalize(x), tiny) > 1e6


def test_what_pytorch_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="unsupported order"):
        softmax.norm(jt.ones(3), "max")
    with pytest.raises(RuntimeError, match="not implemented for int32"):
        softmax.norm(jt.ones(3, "int32"))
