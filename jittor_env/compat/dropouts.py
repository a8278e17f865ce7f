"""Dropout with PyTorch's rules: in training from the start, and of whole channels.

The functions and layers draw their random numbers from `source`, which can be replaced.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jittor as jt

from jittor_env.compat.numerics import constant, require_float

# The negative limit of SELU, which alpha dropout sets dropped elements to (Klambauer et al. 2017).
_ALPHA = -1.7580993408473766


def _uniform(shape: Sequence[int]) -> Any:
    return jt.random(tuple(shape), "float32")


# (shape) -> uniform numbers in [0, 1), a Var of that shape.
source: Callable[[Sequence[int]], Any] = _uniform


def _kept(x: Any, p: float, shape: Sequence[int]) -> Any:
    """Return 1 for what is kept and 0 for what is dropped, in the dtype of x."""
    return (source(shape) >= p).cast(x.dtype).stop_grad()


def _dropped(x: Any, p: float, shape: Sequence[int], training: bool) -> Any:
    _require(x, p)
    if not training or p == 0:
        return x
    return _scaled(x, p, _kept(x, p, shape))


def _scaled(x: Any, p: float, kept: Any) -> Any:
    return x * (kept / constant(1 - p or 1, x))


def dropped_between_layers(x: Any, p: float) -> Any:
    """Drop by Jittor's own random numbers: PyTorch's recurrent layers draw inside their kernels."""
    return _scaled(x, p, (_uniform(x.shape) >= p).cast(x.dtype).stop_grad())


def _require(x: Any, p: float) -> None:
    require_float("dropout", x)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _channels(x: Any, unbatched: int | None) -> tuple[int, ...]:
    """Return the shape of the numbers that decide which channels are dropped.

    Args:
        x: the input.
        unbatched: number of dimensions of an input without a batch; None if it has always one.
    """
    with_channel = 1 if x.ndim == unbatched else 2
    return (*x.shape[:with_channel], *[1] * (x.ndim - with_channel))


def dropout(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`torch.nn.functional.dropout` of a floating Var of any shape.

    Raises:
        ValueError: p is not in [0, 1].
        RuntimeError: the input holds integers.
    """
    return _dropped(input, p, input.shape, training)


def dropout1d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`torch.nn.functional.dropout1d`: whole channels of (C, L) or (N, C, L)."""
    _require_ndim("dropout1d", input, (2, 3))
    return _dropped(input, p, _channels(input, 2), training)


def dropout2d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`torch.nn.functional.dropout2d`: whole channels of (N, C, H, W).

    PyTorch takes dimension 0 of a 3D input as its batch, too.
    """
    _require_ndim("dropout2d", input, (3, 4))
    return _dropped(input, p, _channels(input, None), training)


def dropout3d(input: Any, p: float = 0.5, training: bool = True) -> Any:
    """`torch.nn.functional.dropout3d`: whole channels of (C, D, H, W) or (N, C, D, H, W)."""
    _require_ndim("dropout3d", input, (4, 5))
    return _dropped(input, p, _channels(input, 4), training)


def _require_ndim(name: str, x: Any, allowed: tuple[int, ...]) -> None:
    if x.ndim not in allowed:
        raise RuntimeError(f"{name}: expected {allowed[0]}D or {allowed[1]}D input, got {x.ndim}D")


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False) -> Any:
    """`torch.nn.functional.alpha_dropout` of a floating Var of any shape."""
    _require(input, p)
    if not training or p == 0:
        return input
    if p == 1:
        return input * constant(0, input)
    kept = _kept(input, p, input.shape)
    scale = 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
    offset = constant(scale * _ALPHA, input) * (constant(1 - p, input) - kept)
    return input * kept * constant(scale, input) + offset


class _Dropout(jt.nn.Module):
    _function: Callable[..., Any]

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.is_train = True

    def execute(self, input: Any) -> Any:
        """Drop in training; return the input itself in evaluation."""
        return type(self)._function(input, self.p, self.is_training())


class Dropout(_Dropout):
    """`torch.nn.Dropout`; a new module of Jittor's own drops nothing before `.train()`.

    In float64 its own also divides by 1 - p in float32.
    """

    _function = staticmethod(dropout)


class Dropout1d(_Dropout):
    """`torch.nn.Dropout1d`: whole channels of (C, L) or (N, C, L); Jittor has none."""

    _function = staticmethod(dropout1d)


class Dropout2d(_Dropout):
    """`torch.nn.Dropout2d`: whole channels of (N, C, H, W); see `Dropout`."""

    _function = staticmethod(dropout2d)


class Dropout3d(_Dropout):
    """`torch.nn.Dropout3d`: whole channels of (C, D, H, W) or (N, C, D, H, W); Jittor has none."""

    _function = staticmethod(dropout3d)


class AlphaDropout(_Dropout):
    """`torch.nn.AlphaDropout` of a Var of any shape; Jittor has none."""

    _function = staticmethod(alpha_dropout)
