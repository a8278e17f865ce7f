"""Normalisation layers with PyTorch's rules, names and parameters.

Jittor's own compute the variance as E[x^2] - E[x]^2, which loses its digits where the mean is
large; these take two passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jittor as jt

from jittor_env.compat.normalization import Layout, normalize_groups
from jittor_env.compat.numerics import constant, require_float, require_same_dtype


def layer_norm(
    input: Any,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Normalise over the last dimensions (`torch.nn.functional.layer_norm`).

    Args:
        input: (*, *normalized_shape), floating.
        normalized_shape: sizes of the last dimensions.
        weight: of that shape and of the input's dtype, or None for ones.
        bias: likewise, or None for zeros.
        eps: added to the variance.

    Raises:
        RuntimeError: the input does not end in `normalized_shape`, or dtypes differ.
    """
    shape = tuple(normalized_shape)
    require_float("layer_norm", input)
    require_same_dtype("layer_norm", input, weight, bias)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"given normalized_shape={list(shape)}, expected an input that ends in it, but got one"
            f" of size {list(input.shape)}"
        )
    length = prod(shape)
    layout = Layout(1, input.numel() // length, length, 1, length)
    return normalize_groups(input, weight, bias, layout, eps)[0]


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise over groups of channels (`torch.nn.functional.group_norm`).

    Args:
        input: (N, C, *), floating.
        num_groups: number of groups that the C channels are divided into.
        weight: (C,), of the input's dtype, or None for ones.
        bias: likewise, or None for zeros.
        eps: added to the variance.

    Raises:
        RuntimeError: the groups do not divide the channels, or dtypes differ.
    """
    require_float("group_norm", input)
    require_same_dtype("group_norm", input, weight, bias)
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise RuntimeError(
            f"expected the number of channels to be divisible by {num_groups} groups, but got an"
            f" input of size {list(input.shape)}"
        )
    channels = input.shape[1] // num_groups
    rows = input.shape[0] * num_groups
    layout = Layout(1, rows, input.numel() // rows, num_groups, channels)
    return normalize_groups(input, weight, bias, layout, eps)[0]


class LayerNorm(jt.nn.Module):
    """`torch.nn.LayerNorm`: (*, *normalized_shape) to the same shape.

    Jittor's own has no `bias=False`, and loses digits where the mean is large.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        given = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(given)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = jt.ones(self.normalized_shape) if elementwise_affine else None
        self.bias = jt.zeros(self.normalized_shape) if elementwise_affine and bias else None

    def execute(self, input: Any) -> Any:
        """Normalise over the last dimensions."""
        return layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(jt.nn.Module):
    """`torch.nn.GroupNorm`: (N, C, *) to the same shape.

    Jittor's own loses digits where the mean is large.
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True
    ) -> None:
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels={num_channels} must be divisible by num_groups={num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = jt.ones(num_channels) if affine else None
        self.bias = jt.zeros(num_channels) if affine else None

    def execute(self, input: Any) -> Any:
        """Normalise each group of channels."""
        return group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class _RunningNorm(jt.nn.Module):
    """The common part of BatchNorm and InstanceNorm: parameters, and running statistics.

    Attributes:
        weight, bias: (C,), or None without `affine`.
        running_mean, running_var: (C,), or None without `track_running_stats`.
        num_batches_tracked: integer (1,), or None; PyTorch has a number without dimensions.
    """

    # Numbers of dimensions of an input without and with a batch; 0 where it must have one.
    _ndim = (0, 0)
    _ndims_text = ""

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.is_train = True  # a new module of Jittor is not in training mode otherwise
        self.weight = jt.ones(num_features) if affine else None
        self.bias = jt.zeros(num_features) if affine else None
        self.running_mean: Any = None
        self.running_var: Any = None
        self.num_batches_tracked: Any = None
        if track_running_stats:
            self.running_mean = jt.zeros(num_features).stop_grad()
            self.running_var = jt.ones(num_features).stop_grad()
            self.num_batches_tracked = jt.zeros(1, "int32").stop_grad()

    def _require(self, input: Any, channels: int) -> None:
        name = type(self).__name__
        require_float(name, input)
        require_same_dtype(name, input, self.weight, self.bias, self.running_mean)
        if input.ndim not in self._ndim:
            raise ValueError(f"expected {self._ndims_text} input (got {input.ndim}D input)")
        if input.shape[channels] != self.num_features:
            raise RuntimeError(
                f"{name} expects {self.num_features} channels, but got an input of size"
                f" {list(input.shape)}"
            )

    def _shares(self, like: Any) -> tuple[Any, Any]:
        """Return the shares of the old and of the new in the running statistics."""
        # PyTorch's InstanceNorm does not count batches: without a momentum it learns nothing.
        momentum = self.momentum or 0.0
        return constant(1 - momentum, like), constant(momentum, like)

    def _uses_statistics_of_input(self) -> bool:
        return self.is_training() or self.running_mean is None

    def _track(self, means: Any, variances: Any, count: int) -> None:
        """Move the running statistics towards the batch's, (C,) each, of `count` numbers."""
        if not self.is_training() or self.running_mean is None:
            return
        old, new = self._shares(means)
        unbiased = constant(count / max(count - 1, 1), means)
        self.running_mean.update((self.running_mean * old + means * new).stop_grad())
        of_var = self.running_var * old + variances * unbiased * new
        self.running_var.update(of_var.stop_grad())

    def _by_running_statistics(self, input: Any, channels: int) -> Any:
        shape = [1] * input.ndim
        shape[channels] = self.num_features
        scale = constant(1.0, input) / jt.sqrt(self.running_var + constant(self.eps, input))
        if self.weight is not None:
            scale = scale * self.weight
        shift = -self.running_mean * scale
        if self.bias is not None:
            shift = shift + self.bias
        return input * scale.reshape(shape) + shift.reshape(shape)


class _BatchNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def execute(self, input: Any) -> Any:
        """Normalise each channel over the batch, or by the running statistics in evaluation."""
        self._require(input, 1)
        if not self._uses_statistics_of_input():
            return self._by_running_statistics(input, 1)
        N, C = input.shape[:2]
        length = input.numel() // (N * C)
        if N * length == 1 and self.is_training():
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size"
                f" {list(input.shape)}"
            )
        layout = Layout(N, C, length, C, 1)
        y, means, variances = normalize_groups(input, self.weight, self.bias, layout, self.eps)
        self._track(means, variances, N * length)
        return y

    def _shares(self, like: Any) -> tuple[Any, Any]:
        self.num_batches_tracked.update(self.num_batches_tracked + 1)
        if self.momentum is not None:
            return super()._shares(like)
        one = constant(1.0, like)
        new = one / self.num_batches_tracked.cast(like.dtype)
        return one - new, new


class BatchNorm1d(_BatchNorm):
    """`torch.nn.BatchNorm1d`: (N, C) or (N, C, L) to the same shape.

    Jittor's own keeps the biased variance in `running_var`, and has neither `momentum=None` nor
    `track_running_stats` nor `num_batches_tracked`. This one does not synchronise MPI processes.
    """

    _ndim = (2, 3)
    _ndims_text = "2D or 3D"


class BatchNorm2d(_BatchNorm):
    """`torch.nn.BatchNorm2d`: (N, C, H, W) to the same shape; see `BatchNorm1d`."""

    _ndim = (0, 4)
    _ndims_text = "4D"


class BatchNorm3d(_BatchNorm):
    """`torch.nn.BatchNorm3d`: (N, C, D, H, W) to the same shape; see `BatchNorm1d`."""

    _ndim = (0, 5)
    _ndims_text = "5D"


class _InstanceNorm(_RunningNorm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)

    def execute(self, input: Any) -> Any:
        """Normalise each channel of each sample."""
        channels = input.ndim - self._ndim[1] + 1
        self._require(input, max(channels, 0))
        if not self._uses_statistics_of_input():
            return self._by_running_statistics(input, channels)
        C = self.num_features
        rows = input.numel() // prod(input.shape[channels + 1 :])
        length = input.numel() // rows
        if length == 1:
            raise ValueError(
                "Expected more than 1 spatial element when training, got input size"
                f" {list(input.shape)}"
            )
        layout = Layout(1, rows, length, C, 1)
        y, means, variances = normalize_groups(input, self.weight, self.bias, layout, self.eps)
        samples = rows // C
        of_channels = [v.reshape(samples, C).sum(0) / samples for v in (means, variances)]
        self._track(of_channels[0], of_channels[1], length)
        return y


class InstanceNorm1d(_InstanceNorm):
    """`torch.nn.InstanceNorm1d`: (C, L) or (N, C, L) to the same shape.

    Jittor's own has parameters unless told otherwise, and no running statistics.
    """

    _ndim = (2, 3)
    _ndims_text = "2D or 3D"


class InstanceNorm2d(_InstanceNorm):
    """`torch.nn.InstanceNorm2d`: (C, H, W) or (N, C, H, W); see `InstanceNorm1d`."""

    _ndim = (3, 4)
    _ndims_text = "3D or 4D"


class InstanceNorm3d(_InstanceNorm):
    """`torch.nn.InstanceNorm3d`: (C, D, H, W) or (N, C, D, H, W); see `InstanceNorm1d`."""

    _ndim = (4, 5)
    _ndims_text = "4D or 5D"
