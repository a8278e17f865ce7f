"""Normalisation to mean 0 and variance 1 in two passes, with its gradient in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jittor as jt

from jittor_env.compat.numerics import KernelFunction, computed, constant, mean, run_kernel

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
_GROUP = (0, 3, 4)  # dimensions of `Layout.view`


class _Normalize(KernelFunction):
    """Returns y, and each group's mean and biased variance, whose gradients are ignored."""

    def __init__(self, layout: Layout, epsilon: float) -> None:
        self.layout = layout
        self.numbers = {**layout.numbers, "epsilon": epsilon}
        is_of_columns = layout.length == 1 and layout.periods == layout.rows
        self.kernel = "normalize_columns" if is_of_columns else "normalize"

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        x, weight, bias = inputs
        view = self.layout.view
        first = mean(x.reshape(view), _GROUP, keepdims=True)
        centred = x.reshape(view) - first
        # The rounding of a large mean is what is left of it in the centred numbers.
        rest = mean(centred, _GROUP, keepdims=True)
        centred = centred - rest
        variance = mean(centred.sqr(), _GROUP, keepdims=True)
        normal = centred / jt.sqrt(variance + constant(self.numbers["epsilon"], x))
        of_view = (1, 1, *view[2:4], 1)
        y = normal * weight.reshape(of_view) + bias.reshape(of_view)
        rows = (self.layout.rows,)
        moments = (v.reshape(rows).detach() for v in (first + rest, variance))
        return y.reshape(x.shape), *moments

    def forward(self, *inputs: Any) -> list[Any]:
        x, rows = inputs[0], (self.layout.rows,)
        call = (
            f"compat::{self.kernel}(in0_p, in1_p, in2_p, out0_p, out1_p, out2_p,"
            f' {_LAYOUT}, data["epsilon"]);'
        )
        outputs = [(tuple(x.shape), str(x.dtype)), *[(rows, str(x.dtype))] * 2]
        return run_kernel(_HEADER, call, outputs, inputs, self.numbers)

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> list[Any]:
        x, weight, _ = inputs
        call = (
            f"compat::{self.kernel}_backward(in0_p, in1_p, in2_p, out0_p, out1_p, out2_p,"
            f' {_LAYOUT}, data["epsilon"]);'
        )
        outputs = [(tuple(v.shape), str(x.dtype)) for v in (x, weight, weight)]
        return run_kernel(_HEADER, call, outputs, [x, weight, ups[0]], self.numbers)


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
    y, means, variances = computed(_Normalize(layout, epsilon), x, weight, bias)
    return y, means.detach(), variances.detach()
