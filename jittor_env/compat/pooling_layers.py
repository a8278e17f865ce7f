"""Pooling layers with PyTorch's options; `jittor_env.compat.pooling` has the functions.

All take (C, *) or (N, C, *) of a floating dtype, with as many dimensions * as their names say.
"""

from __future__ import annotations

from typing import Any

import jittor as jt

from jittor_env.compat import pooling
from jittor_env.compat.pooling import Sizes


class _Pool(jt.nn.Module):
    """Calls the function of its number of dimensions.

    Attributes:
        options: of the function.
    """

    _function = ""
    _ndim = 0

    def __init__(self, **options: Any) -> None:
        self.options = options

    def execute(self, input: Any) -> Any:
        """Pool over the last dimensions."""
        function = getattr(pooling, f"{self._function}{self._ndim}d")
        return function(input, **self.options)

    def extra_repr(self) -> str:
        """Return the options as a text."""
        return ", ".join(f"{name}={value}" for name, value in self.options.items())


class _MaxPool(_Pool):
    _function = "max_pool"

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
            return_indices=return_indices, ceil_mode=ceil_mode,
        )  # fmt: skip


class _AvgPool(_Pool):
    _function = "avg_pool"

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class _AdaptiveAvgPool(_Pool):
    _function = "adaptive_avg_pool"

    def __init__(self, output_size: Any) -> None:
        super().__init__(output_size=output_size)


class _AdaptiveMaxPool(_Pool):
    _function = "adaptive_max_pool"

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size=output_size, return_indices=return_indices)


class MaxPool1d(_MaxPool):
    """`torch.nn.MaxPool1d`; Jittor has none."""

    _ndim = 1


class MaxPool2d(_MaxPool):
    """`torch.nn.MaxPool2d`; see `jittor_env.compat.pooling` for Jittor's own."""

    _ndim = 2


class MaxPool3d(_MaxPool):
    """`torch.nn.MaxPool3d`; see `MaxPool2d`."""

    _ndim = 3


class AvgPool1d(_AvgPool):
    """`torch.nn.AvgPool1d`; Jittor has none."""

    _ndim = 1


class AvgPool2d(_AvgPool):
    """`torch.nn.AvgPool2d`; see `jittor_env.compat.pooling` for Jittor's own."""

    _ndim = 2


class AvgPool3d(_AvgPool):
    """`torch.nn.AvgPool3d`; see `AvgPool2d`."""

    _ndim = 3


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """`torch.nn.AdaptiveAvgPool1d`; Jittor has none."""

    _ndim = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """`torch.nn.AdaptiveAvgPool2d`; its windows are not Jittor's where sizes do not divide."""

    _ndim = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """`torch.nn.AdaptiveAvgPool3d`; see `AdaptiveAvgPool2d`."""

    _ndim = 3


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """`torch.nn.AdaptiveMaxPool1d`; Jittor has none."""

    _ndim = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """`torch.nn.AdaptiveMaxPool2d`; its windows are not Jittor's where sizes do not divide."""

    _ndim = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """`torch.nn.AdaptiveMaxPool3d`; see `AdaptiveMaxPool2d`."""

    _ndim = 3
