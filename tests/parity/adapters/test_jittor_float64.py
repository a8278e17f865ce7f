"""Under lifted scalars Jittor's functions are float64's, value and gradient, against PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import jittor_env

jt = jittor_env.load()
from parity.adapters.jittor_float64 import lifted_scalars  # noqa: E402 - Jittor is made ready first

n = jt.nn
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 5))
P = np.abs(X) / 5 + 0.1
MASK = X > 0
IMAGES = RNG.normal(size=(2, 3, 6, 6))
Function = Callable[[Any], Any]


def in_place(method: str) -> Function:
    return lambda x: getattr(x * 1, method)(0.3)


# Each of these was float32 somewhere, value or gradient.
LIFTED: dict[str, tuple[np.ndarray, Function, Function]] = {
    "mul": (X, lambda x: 0.3 * x, lambda x: 0.3 * x),
    "pow": (P, lambda x: x**0.3, lambda x: x**0.3),
    "rpow": (X, lambda x: 0.3**x, lambda x: 0.3**x),
    "iadd": (X, in_place("__iadd__"), lambda x: x + 0.3),
    "isub": (X, in_place("__isub__"), lambda x: x - 0.3),
    "imul": (X, in_place("__imul__"), lambda x: x * 0.3),
    "itruediv": (X, in_place("__itruediv__"), lambda x: x / 0.3),
    "clamp": (X, lambda x: x.clamp(-0.3, 0.7), lambda x: x.clamp(-0.3, 0.7)),
    "mean": (X, lambda x: x.mean(1), lambda x: x.mean(1)),
    "erf": (X, lambda x: jt.erf(x), torch.erf),
    "erfinv": (P, lambda x: jt.erfinv(x), torch.erfinv),
    "gelu": (X, lambda x: n.gelu(x), F.gelu),
    "masked_fill": (
        X,
        lambda x: x.masked_fill(jt.array(MASK), 0.3),
        lambda x: x.masked_fill(torch.tensor(MASK), 0.3),
    ),
    "full_like": (X, lambda x: x * jt.full_like(x, 0.3), lambda x: x * torch.full_like(x, 0.3)),
    "mse_loss": (
        X,
        lambda x: n.mse_loss(x, jt.array(P)),
        lambda x: F.mse_loss(x, torch.tensor(P)),
    ),
    "average pooling": (
        IMAGES,
        lambda x: n.AvgPool2d(3, 2)(x),
        lambda x: F.avg_pool2d(x, 3, 2),
    ),
    "sinusoids": (
        X,
        lambda x: x * jt.sin(jt.arange(5) / 3.7),
        lambda x: x * torch.sin(torch.arange(5, dtype=torch.float64) / 3.7),
    ),
    "bilinear": (
        IMAGES,
        lambda x: n.interpolate(x, size=(7, 5), mode="bilinear"),
        lambda x: F.interpolate(x, size=(7, 5), mode="bilinear"),
    ),
}
# The rest of what models are made of.
OTHERS: dict[str, tuple[np.ndarray, Function, Function]] = {
    "elu": (X, lambda x: n.elu(x, 0.7), lambda x: F.elu(x, 0.7)),
    "leaky_relu": (X, lambda x: n.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "relu6": (X * 4, lambda x: n.relu6(x), F.relu6),
    "silu": (X, lambda x: n.silu(x), F.silu),
    "mish": (X, lambda x: n.mish(x), F.mish),
    "softplus": (X, lambda x: n.softplus(x), F.softplus),
    "log_sigmoid": (X, lambda x: n.log_sigmoid(x), F.logsigmoid),
    "logsumexp": (X, lambda x: x.logsumexp(1), lambda x: x.logsumexp(1)),
    "softmax": (X, lambda x: n.softmax(x, 1), lambda x: x.softmax(1)),
    "log_softmax": (X, lambda x: n.log_softmax(x, 1), lambda x: x.log_softmax(1)),
    "norm": (X, lambda x: x.norm(2, 1), lambda x: x.norm(2, 1)),
    "normalize": (X, lambda x: jt.normalize(x, dim=1), lambda x: F.normalize(x, dim=1)),
    "cumsum": (X, lambda x: jt.cumsum(x, 1), lambda x: x.cumsum(1)),
    "max_pool": (IMAGES, lambda x: n.MaxPool2d(2)(x), lambda x: F.max_pool2d(x, 2)),
    "nearest": (
        IMAGES,
        lambda x: n.interpolate(x, scale_factor=2, mode="nearest"),
        lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
    ),
    "layer_norm": (X, lambda x: n.layer_norm(x, (5,)), lambda x: F.layer_norm(x, (5,))),
    "cross_entropy": (
        X[0],
        lambda x: n.cross_entropy_loss(x, jt.array([0, 1, 2, 3])),
        lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2, 3])),
    ),
    "bce": (
        X,
        lambda x: n.binary_cross_entropy_with_logits(x, jt.array(P)),
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor(P)),
    ),
}


def difference(x: np.ndarray, of_jittor: Function, of_torch: Function) -> float:
    """Return the largest difference of value and gradient, relative to the largest of each."""
    given = torch.tensor(x, requires_grad=True)
    expected = of_torch(given)
    up = np.cos(np.arange(expected.numel())).reshape(expected.shape)
    (slope,) = torch.autograd.grad(expected, given, torch.tensor(up))
    with jt.flag_scope(auto_convert_64_to_32=0), lifted_scalars():
        var = jt.array(x)
        result = of_jittor(var)
        gradient = jt.grad((result * jt.array(up.reshape(result.shape))).sum(), var)
        assert result.dtype == gradient.dtype == "float64"
        pairs = [(result.numpy(), expected.detach().numpy()), (gradient.numpy(), slope.numpy())]
    return max(
        float(np.abs(a.reshape(b.shape) - b).max() / np.abs(b).max()) for a, b in pairs
    )  # fmt: skip


@pytest.mark.parametrize("name", LIFTED)
def test_what_was_float32_is_float64(name: str) -> None:
    assert difference(*LIFTED[name]) < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_what_models_are_made_of_is_float64(name: str) -> None:
    assert difference(*OTHERS[name]) < 1e-13


def test_everything_is_put_back() -> None:
    names = ("erf", "array", "ternary", "reduce", "mean", "full_like")
    before = [getattr(jt, name) for name in names] + [jt.Var.__iadd__, jt.Var.reduce]
    with lifted_scalars():
        assert jt.erf is not before[0]
    assert [getattr(jt, name) for name in names] + [jt.Var.__iadd__, jt.Var.reduce] == before
