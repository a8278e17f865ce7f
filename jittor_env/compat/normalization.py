"""Normalisation to mean 0 and variance 1 in two passes, with its gradient in closed form."""

from __future__ import annotations

from typing import Any, NamedTuple

import jittor as jt

from jittor_env.compat.numerics import Function, constant, has_kernels, mean, run_kernel

_HEADER = "normalization.h"


class Layout(NamedTuple):
    """The groups of numbers that are normalised together, and their weights.

    A tensor is viewed as (blocks, rows, length), and the numbers of one row in all blocks are one
    group. Element i of a row r has the weight (r % periods) * weights + i // (length // weights).

    Attributes:
        blocks, rows, length: the view.
        periods: after how many rows the weights start anew.
        weights: of each row.
    """

    blocks: int
    rows: int
    length: int
    periods: int
    weights: int

    @property
    def numbers(self) -> dict[str, float]:
        """The layout as the kernel takes it."""
        span = self.length // self.weights if self.weights else 1
        fields = dict(zip("BRLPQ", self, strict=True))
        return {**{name: float(value) for name, value in fields.items()}, "S": float(span)}

    @property
    def view(self) -> tuple[int, ...]:
        """The shape (blocks, rows // periods, periods, weights, rest), which all formulas fit."""
        rest = self.length // self.weights
        return (self.blocks, self.rows // self.periods, self.periods, self.weights, rest)


_LAYOUT = "{" + ", ".join(f'(int64_t)data["{name}"]' for name in "BRLPQS") + "}"
_GROUP, _WEIGHT = (0, 3, 4), (0, 1, 4)  # dimensions of `Layout.view`


class _Normalize(Function):
    """Returns y, and each group's mean and biased variance, which have no gradient."""

    def __init__(self, layout: Layout, epsilon: float) -> None:
        self.layout, self.epsilon = layout, epsilon

    def execute(self, *_: Any) -> tuple[Any, ...]:
        x, rows = self.inputs[0], (self.layout.rows,)
        call = (
            "compat::normalize(in0_p, in1_p, in2_p, out0_p, out1_p, out2_p,"
            f' {_LAYOUT}, data["epsilon"]);'
        )
        numbers = {**self.layout.numbers, "epsilon": self.epsilon}
        outputs = [(tuple(x.shape), str(x.dtype)), *[(rows, str(x.dtype))] * 2]
        y, means, variances = run_kernel(_HEADER, call, outputs, self.inputs, numbers)
        return y, means.stop_grad(), variances.stop_grad()

    def grad(self, up: Any, *_: Any) -> Any:
        return _Gradient(self.layout, self.epsilon)(*self.inputs[:2], up)


class _Gradient(Function):
    """The gradients of `_Normalize` with respect to x, weight and bias."""

    def __init__(self, layout: Layout, epsilon: float) -> None:
        self.layout, self.epsilon = layout, epsilon

    def execute(self, *_: Any) -> tuple[Any, ...]:
        x, weight, _ = self.inputs
        call = (
            "compat::normalize_backward(in0_p, in1_p, in2_p, out0_p, out1_p, out2_p,"
            f' {_LAYOUT}, data["epsilon"]);'
        )
        numbers = {**self.layout.numbers, "epsilon": self.epsilon}
        outputs = [(tuple(v.shape), str(x.dtype)) for v in (x, weight, weight)]
        return tuple(run_kernel(_HEADER, call, outputs, self.inputs, numbers))

    def grad(self, *ups: Any) -> Any:
        # Copies, because `up` itself depends on x: partial derivatives are asked for.
        inputs = [tensor.clone() for tensor in self.inputs]
        of_plain = _plain_gradient(self.layout, self.epsilon, *inputs)
        total = sum((g * up).sum() for g, up in zip(of_plain, ups, strict=True) if up is not None)
        return jt.grad(total, inputs)


class _NormalizePlain(Function):
    """The same function in operators, which run on every device."""

    def __init__(self, layout: Layout, epsilon: float) -> None:
        self.layout, self.epsilon = layout, epsilon

    def execute(self, *_: Any) -> tuple[Any, ...]:
        x, weight, bias = self.inputs
        normal, means, variances, _ = _standardized(x, self.layout, self.epsilon)
        of_view = (1, 1, *self.layout.view[2:4], 1)
        y = normal * weight.reshape(of_view) + bias.reshape(of_view)
        rows = (self.layout.rows,)
        moments = (v.reshape(rows).stop_grad() for v in (means, variances))
        return y.reshape(x.shape), *moments

    def grad(self, up: Any, *_: Any) -> Any:
        return _plain_gradient(self.layout, self.epsilon, *self.inputs[:2], up)


def _standardized(x: Any, layout: Layout, epsilon: float) -> tuple[Any, Any, Any, Any]:
    """Return x normalised, means, variances and 1 / sqrt(variance + epsilon), in the view."""
    x = x.reshape(layout.view)
    first = mean(x, _GROUP, keepdims=True)
    centred = x - first
    # The rounding of a large mean is what is left of it in the centred numbers.
    rest = mean(centred, _GROUP, keepdims=True)
    centred = centred - rest
    variance = mean(centred.sqr(), _GROUP, keepdims=True)
    rstd = constant(1.0, x) / jt.sqrt(variance + constant(epsilon, x))
    return centred * rstd, first + rest, variance, rstd


def _plain_gradient(
    layout: Layout, epsilon: float, x: Any, weight: Any, up: Any
) -> tuple[Any, Any, Any]:
    normal, _, _, rstd = _standardized(x, layout, epsilon)
    up = up.reshape(layout.view)
    scaled = up * weight.reshape(1, 1, *layout.view[2:4], 1)
    flat = mean(scaled, _GROUP, keepdims=True)
    along = mean(scaled * normal, _GROUP, keepdims=True)
    of_x = (scaled - flat - normal * along) * rstd
    of_weight, of_bias = (up * normal).sum(_WEIGHT), up.sum(_WEIGHT)
    return of_x.reshape(x.shape), of_weight.reshape(weight.shape), of_bias.reshape(weight.shape)


def normalize_groups(
    x: Any, weight: Any, bias: Any, layout: Layout, epsilon: float
) -> tuple[Any, Any, Any]:
    """Normalise groups of numbers, then scale and shift.

    Args:
        x: of any shape with as many elements as the layout.
        weight: (periods * weights,), of the dtype of x; None for ones.
        bias: likewise; None for zeros.
        layout: of the groups.
        epsilon: added to the variance.

    Returns:
        y like x, the means and the biased variances of the groups (rows,). Only y has a gradient.
    """
    size = (layout.periods * layout.weights,)
    weight = jt.ones(size, x.dtype) if weight is None else weight.reshape(size)
    bias = jt.zeros(size, x.dtype) if bias is None else bias.reshape(size)
    form = _Normalize if has_kernels(x) else _NormalizePlain
    y, means, variances = form(layout, epsilon)(x, weight, bias)
    return y, means, variances
