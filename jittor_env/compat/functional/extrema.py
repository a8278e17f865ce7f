"""Maxima and minima whose gradients PyTorch's rules share out, and that pass NaN on.

Jittor's `max` and `min` give the full gradient to each of equal numbers, its `maximum` gives it to
one of two; its `abs` has the gradient 1 at 0, its `clamp` 0 at the bounds; and all lose NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

from jittor_env.compat.numerics import Function, constant, dimensions, promoted


class _Shared(Function):
    """The maximum or minimum over dimensions, kept as size 1; equal numbers share the gradient."""

    def __init__(self, operation: str, dims: tuple[int, ...]) -> None:
        self.operation, self.dims = operation, dims

    def execute(self, *_: Any) -> Any:
        (x,) = self.inputs
        y = getattr(x, self.operation)(self.dims, keepdims=True)
        # Jittor begins with the largest finite number instead of infinity.
        sign = -1 if self.operation == "max" else 1
        largest = constant(sign * float(np.finfo(str(x.dtype)).max), x)
        y = jt.ternary(y == largest, jt.full_like(y, sign * float("inf")), y)
        has_nan = (x != x).sum(self.dims, keepdims=True) > 0
        self.y = jt.ternary(has_nan, jt.full_like(y, float("nan")), y)
        return self.y

    def grad(self, up: Any) -> Any:
        (x,) = self.inputs
        y = self.y.detach()
        # A NaN is equal to nothing, and yet it is the result.
        is_met = ((x == y) | ((x != x) & (y != y))).cast(x.dtype)
        return is_met * (up / is_met.sum(self.dims, keepdims=True))


def _extremum(operation: str, x: Any, dim: int | Sequence[int] | None, keepdim: bool) -> Any:
    dims = dimensions(dim, x.ndim)
    if not x.dtype.is_float():
        y = getattr(x, operation)(dims, keepdims=True)
    else:
        y = _Shared(operation, dims)(x)
    rest = [1 if d in dims else size for d, size in enumerate(x.shape)]
    if not keepdim:
        rest = [size for d, size in enumerate(x.shape) if d not in dims] or [1]
    return y.reshape(rest)


def amax(input: Any, dim: int | Sequence[int] = (), keepdim: bool = False) -> Any:
    """`torch.amax`: the largest numbers; equal ones share the gradient.

    Args:
        input: of any shape.
        dim: dimensions to reduce; all if empty.
        keepdim: whether they stay, with size 1.

    Raises:
        IndexError: a dimension does not exist.
    """
    return _extremum("max", input, dim, keepdim)


def amin(input: Any, dim: int | Sequence[int] = (), keepdim: bool = False) -> Any:
    """`torch.amin`: the smallest numbers; equal ones share the gradient. See `amax`."""
    return _extremum("min", input, dim, keepdim)


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """`torch.max`: of all numbers, along a dimension, or of two Vars.

    Args:
        input: of any shape.
        dim: None for `amax` of everything; a Var for `maximum`; or a dimension.
        keepdim: whether the dimension stays, with size 1.

    Returns:
        With a dimension (values, int32 indices of the first), and only the number there has a
        gradient.
    """
    return _along("max", input, dim, keepdim)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """`torch.min`; see `max`."""
    return _along("min", input, dim, keepdim)


def _along(operation: str, x: Any, dim: Any, keepdim: bool) -> Any:
    if dim is None:
        return _extremum(operation, x, None, False)
    if isinstance(dim, jt.Var):
        return (maximum if operation == "max" else minimum)(x, dim)
    (dim,) = dimensions(dim, x.ndim)
    ordered = x
    if x.dtype.is_float():
        extreme = float("inf") if operation == "max" else -float("inf")
        ordered = jt.ternary(x != x, jt.full_like(x, extreme), x)
    argument = jt.argmax if operation == "max" else jt.argmin
    index = argument(ordered.detach(), dim, keepdims=True)[0].stop_grad()
    values = jt.gather(x, dim, index)
    if keepdim:
        return values, index
    rest = [size for d, size in enumerate(x.shape) if d != dim] or [1]
    return values.reshape(rest), index.reshape(rest)


def _half_each(a: Any, b: Any, is_first: Any) -> Any:
    half = constant(0.5, a)
    both = a * half + b * half
    return jt.ternary(a == b, both, jt.ternary(is_first | (a != a), a, b))


def maximum(input: Any, other: Any) -> Any:
    """`torch.maximum` of two Vars that broadcast; equal numbers have half of the gradient each."""
    a, b = promoted(input, other)
    return _half_each(a, b, a > b) if a.dtype.is_float() else jt.maximum(a, b)


def minimum(input: Any, other: Any) -> Any:
    """`torch.minimum`; see `maximum`."""
    a, b = promoted(input, other)
    return _half_each(a, b, a < b) if a.dtype.is_float() else jt.minimum(a, b)


def abs(input: Any) -> Any:
    """`torch.abs` of any shape, whose gradient at 0 is 0."""
    if not input.dtype.is_float():
        return jt.abs(input)
    return jt.ternary(input == 0, jt.zeros_like(input), jt.abs(input))


def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """`torch.clamp` of any shape, whose gradient at the bounds is 1.

    Args:
        input: of any shape.
        min: lower bound, a number or a Var that broadcasts.
        max: upper bound, likewise.

    Raises:
        ValueError: there is neither.
    """
    if min is None and max is None:
        raise ValueError("clamp: at least one of min or max must not be None")
    if min is not None:
        input, low = promoted(input, min)
        input = jt.ternary(input < low, low, input)
    if max is not None:
        input, high = promoted(input, max)
        input = jt.ternary(input > high, high, input)
    return input
