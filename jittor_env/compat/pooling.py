"""Pooling with PyTorch's windows: any padding, `ceil_mode`, dilation, and adaptive sizes.

Jittor's own adaptive pooling has windows of one size, which are PyTorch's only where the sizes
divide; its own max pooling refuses inputs that are not larger than the kernel, and with
`ceil_mode` returns -3.4e38 for windows in the padding; its average pooling with `ceil_mode` or
without `count_include_pad` counts other numbers. It has none in one dimension.

The functions take (C, *) or (N, C, *) of a floating dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import jittor as jt
import numpy as np

from jittor_env.compat.numerics import (
    KernelFunction,
    computed,
    constant,
    has_kernels,
    require_float,
    run_kernel,
)

Sizes = int | Sequence[int]
_HEADER = "pooling.h"


class _Windows:
    """The positions that each output covers: a product of ranges, one for each dimension.

    Attributes:
        sizes, outputs: of input and output.
        tables: first position, end and counted length of each output's range, by dimension.
        steps: between positions.
        divisor: of averages; 0 stands for the product of the lengths.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        tables: Sequence[Any],
        steps: Sequence[int],
        divisor: float = 0,
    ) -> None:
        self.sizes, self.tables, self.steps, self.divisor = sizes, tables, steps, divisor
        self.outputs = tuple(table.shape[1] for table in tables)

    def array(self) -> Any:
        """Return the tables one after the other, as the kernels read them; three dimensions."""
        single = [np.array([[0], [1], [1]])] * (3 - len(self.tables))
        flat = [table.reshape(-1) for table in (*single, *self.tables)]
        return jt.array(np.concatenate(flat).astype(np.int32)).stop_grad()

    def numbers(self, planes: int) -> dict[str, float]:
        """Return what the kernels take as numbers."""
        before = [1] * (3 - len(self.tables))
        values = [planes, *before, *self.sizes, *before, *self.outputs, *before, *self.steps]
        named = {f"n{i}": float(value) for i, value in enumerate(values)}
        return {**named, "divisor": float(self.divisor)}

    def longest(self) -> list[int]:
        """Return how many positions the longest range of each dimension has."""
        return [
            int(((table[1] - table[0] + step - 1) // step).max())
            for table, step in zip(self.tables, self.steps, strict=True)
        ]

    def gathered(self, x: Any, outside: float) -> Any:
        """Return (planes, *outputs, *longest range) with a value where a range is shorter."""
        count = len(self.tables)
        extras = [jt.array(row.astype(np.int32)) for table in self.tables for row in table[:2]]
        places = [
            f"@e{2 * d}(i{d + 1})+i{d + 1 + count}*{step}" for d, step in enumerate(self.steps)
        ]
        return x.reindex(
            [x.shape[0], *self.outputs, *self.longest()],
            ["i0", *places],
            overflow_value=outside,
            overflow_conditions=[f"{p}>=@e{2 * d + 1}(i{d + 1})" for d, p in enumerate(places)],
            extras=extras,
        )


_POOLING = (
    '{(int64_t)data["n0"], '
    + ", ".join(
        "{" + ", ".join(f'(int64_t)data["n{3 * part + d}"]' for d in (1, 2, 3)) + "}"
        for part in range(3)
    )
    + ', in1_p, data["divisor"]}'
)


class _Pool(KernelFunction):
    """(planes, *sizes) and the windows' array to (planes, *outputs)."""

    def __init__(self, windows: _Windows) -> None:
        self.windows = windows

    def _numbers(self, x: Any) -> dict[str, float]:
        return self.windows.numbers(x.shape[0])

    def _output(self, x: Any, dtype: str) -> tuple[Sequence[int], str]:
        return (x.shape[0], *self.windows.outputs), dtype


class _MaxPool(_Pool):
    """Returns the largest numbers; the first of equal ones has the gradient."""

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        return (self._argmax(inputs[0])[1],)

    def _argmax(self, x: Any) -> tuple[Any, Any]:
        """Return the place within each window and the value, by operators."""
        count = len(self.windows.outputs)
        found = self.windows.gathered(x, -np.inf)
        place, values = jt.argmax(found.reshape([*found.shape[: 1 + count], -1]), dim=-1)
        return place, values

    def forward(self, *inputs: Any) -> list[Any]:
        x = inputs[0]
        call = f"compat::max_pool(in0_p, out0_p, {_POOLING});"
        outputs = [self._output(x, str(x.dtype))]
        self.values = run_kernel(_HEADER, call, outputs, inputs, self._numbers(x))
        return self.values

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> list[Any]:
        x, windows = inputs
        pooling = _POOLING.replace("in1_p", "in3_p")
        call = f"compat::max_pool_backward(in0_p, in1_p, in2_p, out0_p, {pooling});"
        given = [x, self.values[0].detach(), ups[0], windows]
        like = (tuple(x.shape), str(x.dtype))
        return [*run_kernel(_HEADER, call, [like], given, self._numbers(x)), None]

    def positions(self, x: Any, values: Any, array: Any) -> Any:
        """Return the position of each value in its plane, int32."""
        if has_kernels(x):
            call = f"compat::max_positions(in0_p, in2_p, out0_p, {_POOLING});"
            output, given = self._output(x, "int32"), [x, array, values]
            return run_kernel(_HEADER, call, [output], given, self._numbers(x))[0].stop_grad()
        windows, count = self.windows, len(self.windows.outputs)
        ranges, place = windows.longest(), self._argmax(x)[0]
        position = jt.zeros_like(place)
        for d, (table, step) in enumerate(zip(windows.tables, windows.steps, strict=True)):
            within = place // prod(ranges[d + 1 :]) % ranges[d]
            start = jt.array(table[0].astype(np.int32)).reshape([-1] + [1] * (count - 1 - d))
            position = position * windows.sizes[d] + start + within * step
        return position.cast("int32").stop_grad()


class _AvgPool(_Pool):
    """Returns the averages."""

    def plain(self, *inputs: Any) -> tuple[Any, ...]:
        (x, _), count = inputs, len(self.windows.outputs)
        found = self.windows.gathered(x, 0)
        total = found.sum(tuple(range(1 + count, 1 + 2 * count)))
        if self.windows.divisor:
            return (total / constant(self.windows.divisor, x),)
        lengths = np.ones(self.windows.outputs)
        for d, table in enumerate(self.windows.tables):
            lengths = lengths * table[2].reshape([-1] + [1] * (count - d - 1))
        return (total / jt.array64(lengths[None].astype(str(x.dtype))).stop_grad(),)

    def forward(self, *inputs: Any) -> list[Any]:
        x = inputs[0]
        call = f"compat::avg_pool(in0_p, out0_p, {_POOLING});"
        outputs = [self._output(x, str(x.dtype))]
        return run_kernel(_HEADER, call, outputs, inputs, self._numbers(x))

    def backward(self, inputs: Sequence[Any], ups: Sequence[Any]) -> list[Any]:
        x, windows = inputs
        call = f"compat::avg_pool_backward(in0_p, out0_p, {_POOLING});"
        like = (tuple(x.shape), str(x.dtype))
        return [*run_kernel(_HEADER, call, [like], [ups[0], windows], self._numbers(x)), None]


def _planes(x: Any, windows: _Windows) -> tuple[tuple[int, ...], Any]:
    before = tuple(x.shape[: x.ndim - len(windows.outputs)])
    return before, x.reshape((prod(before), *windows.sizes))


def _averages(x: Any, windows: _Windows) -> Any:
    before, planes = _planes(x, windows)
    y = computed(_AvgPool(windows), planes, windows.array())[0]
    return y.reshape((*before, *windows.outputs))


def _maxima(x: Any, windows: _Windows, return_indices: bool) -> Any:
    (before, planes), array = _planes(x, windows), windows.array()
    function, shape = _MaxPool(windows), (*before, *windows.outputs)
    y = computed(function, planes, array)[0]
    if not return_indices:
        return y.reshape(shape)
    return y.reshape(shape), function.positions(planes, y, array).reshape(shape)


def _spatial(name: str, x: Any, ndim: int) -> tuple[int, ...]:
    require_float(name, x)
    if x.ndim not in (ndim + 1, ndim + 2):
        raise RuntimeError(f"{name}: expected {ndim + 1}D or {ndim + 2}D input, got {x.ndim}D")
    return tuple(x.shape[x.ndim - ndim :])


def _each(value: Any, ndim: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * ndim


def _ranges(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> Any:
    """Return first positions, ends and lengths with padding of all ranges, int (3, outputs)."""
    if padding > kernel // 2:
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding},"
            f" kernel_size={kernel}"
        )
    reach = dilation * (kernel - 1) + 1
    outputs = (size + 2 * padding - reach + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (outputs - 1) * stride >= size + padding:
        outputs -= 1  # the last window must begin inside
    if outputs < 1:
        raise RuntimeError(f"Output size is too small: kernel {kernel} on an input of {size}")
    first = np.arange(outputs) * stride - padding
    lengths = np.minimum(first + reach, size + padding) - first
    inside = first + -(np.minimum(first, 0) // dilation) * dilation
    return np.stack([inside, np.minimum(first + reach, size), lengths])


def _max_pool(
    ndim: int,
    input: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    sizes = _spatial(f"max_pool{ndim}d", input, ndim)
    steps = _each(dilation, ndim)
    options = (sizes, _each(kernel_size, ndim), _each(stride or kernel_size, ndim))
    tables = [
        _ranges(*each, ceil_mode)
        for each in zip(*options, _each(padding, ndim), steps, strict=True)
    ]
    return _maxima(input, _Windows(sizes, tables, steps), return_indices)


def _avg_pool(
    ndim: int,
    input: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    sizes = _spatial(f"avg_pool{ndim}d", input, ndim)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    steps = (1,) * ndim
    options = (sizes, _each(kernel_size, ndim), _each(stride or kernel_size, ndim))
    tables = [
        _ranges(*each, ceil_mode)
        for each in zip(*options, _each(padding, ndim), steps, strict=True)
    ]
    if not count_include_pad:
        tables = [np.stack([t[0], t[1], t[1] - t[0]]) for t in tables]
    return _averages(input, _Windows(sizes, tables, steps, divisor_override or 0))


def _adaptive_windows(name: str, ndim: int, x: Any, output_size: Any) -> _Windows:
    sizes = _spatial(name, x, ndim)
    tables = []
    for size, wanted in zip(sizes, _each(output_size, ndim), strict=True):
        count = size if wanted is None else wanted
        number = np.arange(count)
        first, end = number * size // count, -(-(number + 1) * size // count)
        tables.append(np.stack([first, end, end - first]))
    return _Windows(sizes, tables, (1,) * ndim)


def _adaptive_avg_pool(ndim: int, input: Any, output_size: Any) -> Any:
    windows = _adaptive_windows(f"adaptive_avg_pool{ndim}d", ndim, input, output_size)
    return _averages(input, windows)


def _adaptive_max_pool(
    ndim: int, input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    windows = _adaptive_windows(f"adaptive_max_pool{ndim}d", ndim, input, output_size)
    return _maxima(input, windows, return_indices)


max_pool1d, max_pool2d, max_pool3d = (partial(_max_pool, n) for n in (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = (partial(_avg_pool, n) for n in (1, 2, 3))
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    partial(_adaptive_avg_pool, n) for n in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    partial(_adaptive_max_pool, n) for n in (1, 2, 3)
)
