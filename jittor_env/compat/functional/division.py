"""Division with PyTorch's rounding: floor_divide and remainder."""

from __future__ import annotations

from typing import Any

import jittor as jt

from jittor_env.compat.numerics import Function, has_kernels, promoted, run_kernel

_HEADER = "functional/division.h"


class _Remainder(Function):
    """The remainder of two Vars of one shape and dtype."""

    def execute(self, *_: Any) -> Any:
        a, b = self.inputs
        return _rounded("remainder", a, b)

    def grad(self, up: Any) -> Any:
        return [up, -up * _rounded("floor_divide", *self.inputs).stop_grad()]


def _rounded(name: str, a: Any, b: Any) -> Any:
    if has_kernels(a) or not (a.dtype.is_float() or jt.flags.use_cuda):
        function = f"[](in0_type a, in0_type b) {{ return compat::{name}(a, b); }}"
        call = f"compat::each(in0_p, in1_p, out0_p, in0->num, {function});"
        return run_kernel(_HEADER, call, [(tuple(a.shape), str(a.dtype))], [a, b])[0]
    quotient = (a / b).floor() if a.dtype.is_float() else jt.floor_divide(a, b)
    return quotient if name == "floor_divide" else a - quotient * b


def _of_one_shape(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    a, b = promoted(a, b)
    a, b = a + jt.zeros_like(b), b + jt.zeros_like(a)
    if not a.dtype.is_float() and not jt.flags.use_cuda and (b.numpy() == 0).any():
        raise RuntimeError(f"{name}: division of integers by zero")
    return a, b


def floor_divide(input: Any, other: Any) -> Any:
    """`torch.floor_divide`: the quotient rounded down, without a gradient.

    Jittor's own divides the integer parts of floats, so 7.5 // 1.5 is 7 instead of 5, and ends the
    process where the divisor's is 0. On a GPU this one rounds the rounded quotient down.

    Args:
        input: of any shape.
        other: a Var that broadcasts with it, or a number.

    Raises:
        RuntimeError: an integer is divided by 0.
    """
    a, b = _of_one_shape("floor_divide", input, other)
    return _rounded("floor_divide", a, b).stop_grad()


def remainder(input: Any, other: Any) -> Any:
    """`torch.remainder`, with the sign of `other`, and gradients 1 and -floor(input / other).

    The gradient of Jittor's own with respect to `other` ignores the gradient of the result.

    Args:
        input: of any shape.
        other: a Var that broadcasts with it, or a number.

    Raises:
        RuntimeError: an integer is divided by 0.
    """
    a, b = _of_one_shape("remainder", input, other)
    return _Remainder()(a, b) if a.dtype.is_float() else _rounded("remainder", a, b)
