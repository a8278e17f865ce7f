"""Operators whose form in Jittor loses digits or time, in forms that lose neither.

Jittor takes Python scalars and the 1/n of `mean` as float32, even inside a float64 graph; its
GroupNorm takes the variance in one pass, E[x^2] - E[x]^2, which cancels; its sigmoid saturates at
-30. These forms are exact to the precision of their input, so that float64 means float64.

Those that take most of a U-Net's time also have a kernel in `kernels.py`, the same function and
faster on a CPU. `fast` chooses between the two for the process.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import jittor as jt
import numpy as np

from impl_jittor import kernels

# Whether kernels are used where they are available; the plain forms run everywhere.
fast = True


@contextmanager
def plain_forms() -> Iterator[None]:
    """Use the plain forms inside the block."""
    global fast
    before, fast = fast, False
    try:
        yield
    finally:
        fast = before


def _is_fast() -> bool:
    return fast and kernels.available()


def constant(value: float, like: jt.Var) -> jt.Var:
    """Return a Python number as a Var of shape (1,) in the dtype of `like`, with all its digits.

    It is made as (1, 1) first: Jittor fuses an array of shape (1,) into every kernel that reads it,
    and once the process has run float32 kernels half the bytes of a float64 one are overwritten.
    """
    return jt.array64(np.full((1, 1), value, str(like.dtype))).reshape(1).stop_grad()


def overwrite(var: jt.Var, array: np.ndarray) -> None:
    """Give a Var new values; unlike `Var.update`, refuse other shapes and keep gradients off."""
    if tuple(var.shape) != array.shape:
        raise RuntimeError(
            f"size {array.shape} does not fit a parameter of size {tuple(var.shape)}"
        )
    stopped = var.is_stop_grad()
    var.update(jt.array64(array).cast(var.dtype))
    if stopped:
        var.stop_grad()


def mean(x: jt.Var) -> jt.Var:
    """Return the mean of all elements, shape (1,); `Var.mean` has a float32 1/n in its gradient.

    Summed axis by axis: Jittor adds one element after the other, which over a batch of digits
    costs the mean 3e-6 of its value, and in this way 1e-7.
    """
    count = x.numel()
    while x.ndim > 1:
        x = x.sum(x.ndim - 1)
    return x.sum() / count


def silu(x: jt.Var) -> jt.Var:
    """Return x sigmoid(x), with e^80 for exponentials above it, which would overflow float32."""
    if _is_fast():
        return kernels.SiLU()(x)
    return x / (jt.exp(-jt.maximum(x, constant(-80, x))) + constant(1, x))


def attention(query: jt.Var, key: jt.Var, value: jt.Var) -> jt.Var:
    """Return softmax(Q K^T / sqrt(C)) V for (N, L, C) each (Vaswani et al. 2017, eq. 1)."""
    if _is_fast():
        return kernels.Attention()(query, key, value)
    scale = constant(1 / math.sqrt(query.shape[-1]), query)
    weights = jt.nn.softmax(jt.nn.bmm_transpose(query * scale, key), dim=-1)
    return jt.nn.bmm(weights, value)


def group_norm(x: jt.Var, groups: int, weight: jt.Var, bias: jt.Var, epsilon: float) -> jt.Var:
    """Normalise (N, C, H, W) over each group of channels, in two passes (Wu & He 2018)."""
    N, C, H, W = x.shape
    if _is_fast():
        flat = kernels.GroupNorm(groups, epsilon)(x.reshape(N, C, H * W), weight, bias)
        return flat.reshape(N, C, H, W)
    size = C // groups * H * W
    grouped = x.reshape(N, groups, size)
    centred = grouped - grouped.sum(2, keepdims=True) / size
    variance = centred.sqr().sum(2, keepdims=True) / size
    normal = (centred / jt.sqrt(variance + constant(epsilon, x))).reshape(N, C, H, W)
    return normal * weight.reshape(1, C, 1, 1) + bias.reshape(1, C, 1, 1)


def convolution(x: jt.Var, weight: jt.Var, bias: jt.Var, stride: int, padding: int) -> jt.Var:
    """Convolve (N, C, H, W) with (O, C, KH, KW) and add (O,) (Goodfellow et al. 2016, eq. 9.6)."""
    if _is_fast():
        return kernels.Convolution(stride, padding)(x, weight, bias)
    return jt.nn.conv2d(x, weight, bias, stride, padding)


def upsample(x: jt.Var) -> jt.Var:
    """Double the resolution of (N, C, H, W) by repeating pixels."""
    if _is_fast():
        return kernels.Upsample()(x)
    return jt.nn.interpolate(x, scale_factor=2, mode="nearest")


def concat(a: jt.Var, b: jt.Var) -> jt.Var:
    """Return the channels of (N, A, H, W), then those of (N, B, H, W)."""
    if _is_fast():
        return kernels.Concat()(a, b)
    return jt.concat([a, b], dim=1)


def pad(x: jt.Var) -> jt.Var:
    """Put a row of zeros below (N, C, H, W) and a column on the right."""
    if _is_fast():
        return kernels.Pad()(x)
    return jt.nn.pad(x, [0, 1, 0, 1])


def add_to_pixels(x: jt.Var, shift: jt.Var) -> jt.Var:
    """Add (N, C) to every pixel of (N, C, H, W)."""
    if _is_fast():
        return kernels.AddToPixels()(x, shift)
    return x + shift.unsqueeze(2).unsqueeze(3)


def adam(
    parameters: list[jt.Var],
    gradients: list[jt.Var],
    exp_avg: list[jt.Var],
    exp_avg_sq: list[jt.Var],
    *,
    numbers: Mapping[str, float],
) -> None:
    """Move parameters and moments by one step (Kingma & Ba 2015, algorithm 1).

    Args:
        parameters: of any shapes; overwritten.
        gradients: of the parameters, in their order.
        exp_avg: first moments; overwritten.
        exp_avg_sq: second moments; overwritten.
        numbers: `keep1`, `take1`, `keep2` and `take2`, the moments' weights of old and new; `rate`,
            the learning rate over the first moment's bias; `root2`, the root of the second's;
            `epsilon`.
    """
    step: Callable[[Sequence[jt.Var]], Sequence[jt.Var]]
    if _is_fast():
        step = partial(kernels.adam, numbers=numbers)
    else:
        constants = {name: constant(value, parameters[0]) for name, value in numbers.items()}
        step = partial(_adam, numbers=constants)
    for tensors in zip(parameters, gradients, exp_avg, exp_avg_sq, strict=True):
        parameter, _, *moments = tensors
        for old, new in zip((parameter, *moments), step(tensors), strict=True):
            old.update(new)


def _adam(tensors: Sequence[jt.Var], numbers: Mapping[str, jt.Var]) -> Sequence[jt.Var]:
    p, g, m, v = tensors
    m = numbers["keep1"] * m + numbers["take1"] * g
    v = numbers["keep2"] * v + numbers["take2"] * g * g
    p = p - numbers["rate"] * m / (jt.sqrt(v) / numbers["root2"] + numbers["epsilon"])
    return p, m, v


class Conv(jt.nn.Conv):
    """Jittor's convolution, with its parameters, computed by `convolution`."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Map (N, C, H, W) to (N, O, H', W')."""
        square = len({*self.stride}) == len({*self.padding}) == 1
        if not square or self.groups > 1 or self.dilation != (1, 1) or self.bias is None:
            return super().execute(x)
        return convolution(x, self.weight, self.bias, self.stride[0], self.padding[0])


class GroupNorm(jt.nn.Module):
    """GroupNorm with torch's parameters and a variance in two passes."""

    def __init__(self, groups: int, channels: int, epsilon: float) -> None:
        self.groups = groups
        self.epsilon = epsilon
        self.weight = jt.ones((channels,))
        self.bias = jt.zeros((channels,))

    def execute(self, x: jt.Var) -> jt.Var:
        """Normalise (N, C, H, W), scale and shift each channel."""
        return group_norm(x, self.groups, self.weight, self.bias, self.epsilon)
