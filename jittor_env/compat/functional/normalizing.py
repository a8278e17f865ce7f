"""Softmax and norms with PyTorch's rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jittor as jt

from jittor_env.compat.functional.extrema import abs, amax, amin, clamp
from jittor_env.compat.numerics import constant, dimensions, require_float


def _shifted(x: Any, dim: int) -> Any:
    # A constant in the gradient, which a shift of all numbers does not change.
    return x - x.max(dim, keepdims=True).detach()


def softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """`torch.nn.functional.softmax`.

    Jittor's own normalises over everything without a dimension, and returns zeros for integers.

    Args:
        input: of any shape; floating unless there is a dtype.
        dim: that sums to 1; None for PyTorch's implicit one, which is 0 of one or three
            dimensions and otherwise 1.
        dtype: that the input is cast to first.

    Raises:
        RuntimeError: the input holds integers.
        IndexError: the dimension does not exist.
    """
    x, dim = _prepared("softmax", input, dim, dtype)
    exponentials = jt.exp(_shifted(x, dim))
    return exponentials / exponentials.sum(dim, keepdims=True)


def log_softmax(input: Any, dim: int | None = None, dtype: Any = None) -> Any:
    """`torch.nn.functional.log_softmax`; see `softmax`."""
    x, dim = _prepared("log_softmax", input, dim, dtype)
    shifted = _shifted(x, dim)
    return shifted - jt.log(jt.exp(shifted).sum(dim, keepdims=True))


def _prepared(name: str, x: Any, dim: int | None, dtype: Any) -> tuple[Any, int]:
    x = x if dtype is None else x.cast(dtype)
    require_float(name, x)
    if dim is None:
        dim = 0 if x.ndim in (1, 3) else 1
    return x, dimensions(dim, x.ndim)[0]


def norm(
    input: Any,
    p: float | str = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
) -> Any:
    """`torch.norm`, of the numbers as a vector.

    Jittor's own needs a dimension, knows orders 1 and 2 only, and is 1e-15 for zeros.

    Args:
        input: of any shape, floating.
        p: order; "fro" is 2.
        dim: dimensions to reduce; None for all.
        keepdim: whether they stay, with size 1.

    Raises:
        RuntimeError: the input holds integers.
        ValueError: the order is another text.
    """
    require_float("norm", input)
    if isinstance(p, str):
        if p != "fro":
            raise ValueError(f"norm: unsupported order {p!r}; give a number or 'fro'")
        p = 2.0
    dims = dimensions(dim, input.ndim)
    if math.isinf(p):
        return (amax if p > 0 else amin)(abs(input), dims, keepdim)
    if p == 0:
        return (input != 0).cast(input.dtype).sum(dims, keepdims=keepdim)
    if p == 1:
        return abs(input).sum(dims, keepdims=keepdim)
    if p == 2:
        return _root(input.sqr().sum(dims, keepdims=keepdim), 2)
    powers = _nonzero_power(abs(input), p)
    return _root(powers.sum(dims, keepdims=keepdim), p)


def _nonzero_power(x: Any, exponent: float) -> Any:
    """Return x to a power, 0 for 0 with the gradient 0."""
    safe = jt.ternary(x == 0, jt.ones_like(x), x)
    return jt.ternary(x == 0, jt.zeros_like(x), jt.pow(safe, constant(exponent, x)))


def _root(x: Any, order: float) -> Any:
    safe = jt.ternary(x == 0, jt.ones_like(x), x)
    root = jt.sqrt(safe) if order == 2 else jt.pow(safe, constant(1 / order, x))
    return jt.ternary(x == 0, jt.zeros_like(x), root)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """`torch.nn.functional.normalize`: input / max(norm, eps), of any shape.

    Jittor's own compares the square of the norm with its eps, which is 1e-30.
    """
    return input / clamp(norm(input, p, dim, keepdim=True), min=eps)
