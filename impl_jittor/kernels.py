"""Multithreaded CPU kernels for the operators that take most of Jittor's time.

Jittor runs every fused kernel on one thread, the gradients of its `bmm` in a loop that misses the
cache, and reorders every tensor at each of a convolution's three products. `kernels.h` and
`convolution.h` have these in C++; each has a plain form in `operators.py`, which chooses.
docs/performance.md has the time that each saves.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import jittor as jt

from jittor_env import onednn

Shape = tuple[int, ...]


def available() -> bool:
    """Tell whether the kernels can be built and used now: on a CPU, with oneDNN."""
    return not jt.flags.use_cuda and _link_flags() is not None


@cache
def _link_flags() -> str | None:
    """Return the compiler flags that link a kernel with oneDNN, or None without oneDNN."""
    if platform.machine() != "x86_64" or not onednn.is_linked():
        return None
    folder = onednn.target() / "lib"
    include = onednn.target() / "include"
    return f"FLAGS: -I{include} -L{folder} -lmkldnn -Wl,-rpath,{folder} "


@cache
def _source(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _run(
    call: str,
    shapes: list[Shape],
    inputs: list[jt.Var],
    header: str = "kernels.h",
    data: Mapping[str, float] | None = None,
) -> list[jt.Var]:
    """Run one C++ statement; `in0_p`, `in0_shape0`, `out0_p`, … are Jittor's names in it.

    Numbers in `data`, read as `data["name"]`, are not compiled into the kernel.
    """
    dtype = str(inputs[0].dtype)
    outputs: list[jt.Var] = jt.code(
        shapes,
        [dtype] * len(shapes),
        inputs,
        cpu_header=_source(header),
        cpu_src=call,
        data=dict(data or {}),
    )
    for output in outputs:
        output.compile_options = {_link_flags(): 1}
    return outputs


def _require_shape(name: str, tensor: jt.Var, shape: Sequence[int]) -> None:
    """Require a shape, for a kernel reads memory by the shape of its first tensor.

    Raises:
        ValueError: the tensor has another.
    """
    if tuple(tensor.shape) != tuple(shape):
        raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, not {tuple(shape)}")


class SiLU(jt.Function):
    """x sigmoid(x), for any shape."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Return a Var of the same shape."""
        self.x = x
        return _run("ddpm::silu(in0_p, out0_p, in0->num);", [tuple(x.shape)], [x])[0]

    def grad(self, up: jt.Var) -> jt.Var:
        """Return the gradient with respect to x."""
        call = "ddpm::silu_backward(in0_p, in1_p, out0_p, in0->num);"
        return _run(call, [tuple(up.shape)], [self.x, up])[0]


class GroupNorm(jt.Function):
    """(N, C, S) normalised over groups of channels, in two passes, scaled and shifted."""

    def __init__(self, groups: int, epsilon: float) -> None:
        self.groups = groups
        self.epsilon = epsilon

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var) -> jt.Var:
        """Map (N, C, S), (C,), (C,) to (N, C, S)."""
        _, channels, _ = x.shape
        for name, parameter in (("weight", weight), ("bias", bias)):
            _require_shape(name, parameter, (channels,))
        y, mean, rstd = _run(
            "ddpm::group_norm(in0_p, in1_p, in2_p, out0_p, out1_p, out2_p, in0_shape0, in0_shape1, "
            f"in0_shape2, out1_shape1, in0_type({self.epsilon!r}));",
            [tuple(x.shape), (x.shape[0], self.groups), (x.shape[0], self.groups)],
            [x, weight, bias],
        )
        self.saved = [x, weight, mean, rstd]
        return y

    def grad(self, up: jt.Var) -> list[jt.Var]:
        """Return the gradients with respect to x, weight and bias."""
        channels = (self.saved[0].shape[1],)
        return _run(
            "ddpm::group_norm_backward(in0_p, in1_p, in2_p, in3_p, in4_p, out0_p, out1_p, out2_p, "
            "in0_shape0, in0_shape1, in0_shape2, in2_shape1);",
            [tuple(up.shape), channels, channels],
            [*self.saved, up],
        )


class Attention(jt.Function):
    """softmax(Q K^T / sqrt(C)) V for (N, L, C) each."""

    def execute(self, query: jt.Var, key: jt.Var, value: jt.Var) -> jt.Var:
        """Return (N, L, C)."""
        N, L, _ = query.shape
        for name, tensor in (("key", key), ("value", value)):
            _require_shape(name, tensor, query.shape)
        out, weights = _run(
            "ddpm::attention(in0_p, in1_p, in2_p, out0_p, out1_p, in0_shape0, in0_shape1, "
            "in0_shape2);",
            [tuple(query.shape), (N, L, L)],
            [query, key, value],
        )
        self.saved = [query, key, value, weights]
        return out

    def grad(self, up: jt.Var) -> list[jt.Var]:
        """Return the gradients with respect to query, key and value."""
        return _run(
            "ddpm::attention_backward(in0_p, in1_p, in2_p, in3_p, in4_p, out0_p, out1_p, out2_p, "
            "in0_shape0, in0_shape1, in0_shape2);",
            [tuple(up.shape)] * 3,
            [*self.saved, up],
        )


def adam(tensors: Sequence[jt.Var], numbers: Mapping[str, float]) -> list[jt.Var]:
    """Return a parameter and its moments after one step.

    Args:
        tensors: the parameter, its gradient and both moments.
        numbers: the arguments of `ddpm::adam` after the size, in their order.
    """
    for name, tensor in zip(("gradient", "exp_avg", "exp_avg_sq"), tensors[1:], strict=True):
        _require_shape(name, tensor, tensors[0].shape)
    values = ", ".join(f'in0_type(data["{name}"])' for name in numbers)
    call = (
        "ddpm::adam(in0_p, in1_p, in2_p, in3_p, out0_p, out1_p, out2_p, in0->num, " + values + ");"
    )
    return _run(call, [tuple(tensors[0].shape)] * 3, [*tensors], data=numbers)


class Upsample(jt.Function):
    """Each pixel of (N, C, H, W) four times."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Return (N, C, 2H, 2W)."""
        N, C, H, W = self.shape = tuple(x.shape)
        call = "ddpm::upsample(in0_p, out0_p, in0_shape0 * in0_shape1, in0_shape2, in0_shape3);"
        return _run(call, [(N, C, 2 * H, 2 * W)], [x])[0]

    def grad(self, up: jt.Var) -> jt.Var:
        """Return the gradient with respect to x."""
        call = (
            "ddpm::upsample_backward(in0_p, out0_p, out0_shape0 * out0_shape1, out0_shape2, "
            "out0_shape3);"
        )
        return _run(call, [self.shape], [up])[0]


class Concat(jt.Function):
    """(N, A, H, W) and (N, B, H, W) concatenated."""

    def execute(self, a: jt.Var, b: jt.Var) -> jt.Var:
        """Return (N, A + B, H, W)."""
        self.shapes = [tuple(a.shape), tuple(b.shape)]
        N, A, H, W = a.shape
        _require_shape("b", b, (N, b.shape[1], H, W))
        call = (
            "ddpm::concat(in0_p, in1_p, out0_p, in0_shape0, in0->num / in0_shape0, "
            "in1->num / in0_shape0);"
        )
        return _run(call, [(N, A + b.shape[1], H, W)], [a, b])[0]

    def grad(self, up: jt.Var) -> list[jt.Var]:
        """Return the gradients with respect to a and b."""
        call = (
            "ddpm::split(in0_p, out0_p, out1_p, in0_shape0, out0->num / in0_shape0, "
            "out1->num / in0_shape0);"
        )
        return _run(call, self.shapes, [up])


class Pad(jt.Function):
    """(N, C, H, W) with a row of zeros below and a column on the right."""

    def execute(self, x: jt.Var) -> jt.Var:
        """Return (N, C, H + 1, W + 1)."""
        N, C, H, W = self.shape = tuple(x.shape)
        call = "ddpm::pad(in0_p, out0_p, in0_shape0 * in0_shape1, in0_shape2, in0_shape3);"
        return _run(call, [(N, C, H + 1, W + 1)], [x])[0]

    def grad(self, up: jt.Var) -> jt.Var:
        """Return the gradient with respect to x."""
        call = "ddpm::crop(in0_p, out0_p, out0_shape0 * out0_shape1, out0_shape2, out0_shape3);"
        return _run(call, [self.shape], [up])[0]


class AddToPixels(jt.Function):
    """(N, C) added to every pixel of (N, C, H, W)."""

    def execute(self, x: jt.Var, shift: jt.Var) -> jt.Var:
        """Return (N, C, H, W)."""
        _require_shape("shift", shift, x.shape[:2])
        call = "ddpm::add_to_pixels(in0_p, in1_p, out0_p, in1->num, in0->num / in1->num);"
        return _run(call, [tuple(x.shape)], [x, shift])[0]

    def grad(self, up: jt.Var) -> list[jt.Var]:
        """Return the gradients with respect to x and shift."""
        call = "ddpm::sum_of_pixels(in0_p, out0_p, out0->num, in0->num / out0->num);"
        return [up, _run(call, [tuple(up.shape[:2])], [up])[0]]


_SHAPE = (
    "{{{x}_shape0, {x}_shape1, {x}_shape2, {x}_shape3, {w}_shape0, {w}_shape2, {w}_shape3, "
    '{y}_shape2, {y}_shape3, (int64_t)data["stride"], (int64_t)data["padding"]}}'
)


class Convolution(jt.Function):
    """The convolution of (N, C, H, W) with (O, C, K, K), and a bias (O,)."""

    def __init__(self, stride: int, padding: int) -> None:
        self.data = {"stride": stride, "padding": padding}

    def execute(self, x: jt.Var, weight: jt.Var, bias: jt.Var) -> jt.Var:
        """Return (N, O, H', W')."""
        N, C, H, W = x.shape
        out_channels, _, KH, KW = weight.shape
        _require_shape("weight", weight, (out_channels, C, KH, KW))
        _require_shape("bias", bias, (out_channels,))
        shapes: list[Shape] = [(N, out_channels, self._size(H, KH), self._size(W, KW))]
        # In float32 the gradient reads x in blocks of 16 channels, as the forward pass had it.
        blocked = x.dtype == "float32" and not jt.flags.no_grad
        if blocked:
            shapes.append((N * ((C + 15) // 16 * 16) * H * W,))
        geometry = _SHAPE.format(x="in0", w="in1", y="out0")
        kept_p = "out1_p" if blocked else "nullptr"
        call = f"ddpm::convolution({geometry}, in0_p, in1_p, in2_p, out0_p, {kept_p});"
        y, *kept = _run(call, shapes, [x, weight, bias], "convolution.h", self.data)
        self.shape = tuple(x.shape)
        self.saved = [kept[0] if blocked else x, weight, bias]
        return y

    def _size(self, size: int, kernel: int) -> int:
        return (size + 2 * self.data["padding"] - kernel) // self.data["stride"] + 1

    def grad(self, up: jt.Var) -> list[jt.Var]:
        """Return the gradients with respect to x, weight and bias."""
        geometry = _SHAPE.format(x="out0", w="in1", y="in3")
        call = (
            f"ddpm::convolution_backward({geometry}, in0_p, in1_p, in3_p, out0_p, out1_p, out2_p);"
        )
        _, weight, bias = self.saved
        shapes = [self.shape, tuple(weight.shape), tuple(bias.shape)]
        return _run(call, shapes, [*self.saved, up], "convolution.h", self.data)
