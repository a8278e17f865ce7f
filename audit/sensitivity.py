"""How small a fault may be and still be caught: the share caught against its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.correct_pairs import RESIDUAL, PairBase, two_copies

SIZES = tuple(10.0**-power for power in range(3, 17))
SEEDS = 20
SHARE = 0.95
_TWICE = two_copies(RESIDUAL)
BASE = PairBase(replace(_TWICE.pair, stress_inputs=("plain",)))
LOW = PairBase(replace(_TWICE.pair, stress_inputs=("plain", "low variance")))


def weight(size: float, block: Any) -> None:
    """Use a convolution's weight too large by a share of itself."""
    conv = block.conv1
    conv.forward = lambda input: F.conv2d(input, conv.weight * (1 + size), conv.bias, padding=1)


def epsilon(size: float, block: Any) -> None:
    """Use an epsilon that is too large by a share of itself."""
    block.norm1.eps *= 1 + size


class _Scaled(torch.autograd.Function):
    """The identity, whose gradient is too large by a share of itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: float) -> Tensor:
        ctx.size = size
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, up: Tensor) -> tuple[Tensor, None]:
        return up * (1 + ctx.size), None


def gradient(size: float, block: Any) -> None:
    """Scale the gradient by a convolution's input."""
    forward = block.conv2.forward
    block.conv2.forward = lambda input: forward(_Scaled.apply(input, size))


def noise(size: float, block: Any) -> None:
    """Add to a convolution's result a fixed pattern of a size relative to its largest value."""
    forward = block.conv2.forward

    def spoiled(input: Tensor) -> Tensor:
        y = forward(input)
        pattern = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
        return y + (pattern * size * y.detach().abs().max()).to(y.dtype)

    block.conv2.forward = spoiled


CURVES: dict[str, tuple[PairBase, Callable[[float, Any], None], str]] = {
    "relative change of a weight": (BASE, weight, "1e-10"),
    "relative change of an epsilon": (LOW, epsilon, ""),
    "relative change of a gradient": (BASE, gradient, "1e-10"),
    "term added to a result, relative": (BASE, noise, "1e-10"),
}


def curve(name: str) -> dict[str, Any]:
    """Return the record of one curve: `points` as [size, share caught], `smallest` at 95 %."""
    base, edit, target = CURVES[name]
    started = time.perf_counter()
    points = []
    for size in SIZES:
        plant = partial(edit, size)
        caught = sum(not base.judged("torch", plant, seed=s).passed for s in range(SEEDS))
        points.append([size, caught / SEEDS])
        if not caught:
            break  # smaller ones are caught no more often
    seen = [size for size, share in points if share >= SHARE]
    return {
        "set": "curve", "name": name, "verdict": "", "target": target, "points": points,
        "smallest": min(seen, default=1.0), "seeds": SEEDS,
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def jobs() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the curves as jobs of an audit."""
    for name in CURVES:
        yield f"curve/{name}", partial(curve, name)
