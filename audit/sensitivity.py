"""The smallest fault that is still caught: the share caught against its size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
_COPIES = two_copies(RESIDUAL)
PLAIN = PairBase(replace(_COPIES.pair, stress_inputs=("plain",)))
LOW_VARIANCE = PairBase(replace(_COPIES.pair, stress_inputs=("plain", "low variance")))


def weight(size: float, block: Any) -> None:
    """Use a convolution's weight too large by a fraction of itself."""
    conv = block.conv1
    conv.forward = lambda input: F.conv2d(input, conv.weight * (1 + size), conv.bias, padding=1)


def epsilon(size: float, block: Any) -> None:
    """Use an epsilon that is too large by a fraction of itself."""
    block.norm1.eps *= 1 + size


class _Scaled(torch.autograd.Function):
    """The identity, whose gradient is too large by a fraction of itself."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: float) -> Tensor:
        ctx.size = size
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, up: Tensor) -> tuple[Tensor, None]:
        return up * (1 + ctx.size), None


def gradient(size: float, block: Any) -> None:
    """Scale the gradient with respect to a convolution's input."""
    forward = block.conv2.forward
    block.conv2.forward = lambda input: forward(_Scaled.apply(input, size))


def noise(size: float, block: Any) -> None:
    """Add to a convolution's result a fixed pattern of a size relative to its largest value."""
    forward = block.conv2.forward

    def noisy(input: Tensor) -> Tensor:
        y = forward(input)
        pattern = torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape)
        return y + (pattern * size * y.detach().abs().max()).to(y.dtype)

    block.conv2.forward = noisy


# name -> base, (size, built side) -> None, target for the smallest size
CURVES: dict[str, tuple[PairBase, Callable[[float, Any], None], str]] = {
    "relative change of a weight": (PLAIN, weight, "1e-10"),
    "relative change of an epsilon": (LOW_VARIANCE, epsilon, ""),
    "relative change of a gradient": (PLAIN, gradient, "1e-10"),
    "term added to a result, relative": (PLAIN, noise, "1e-10"),
}


def curve(name: str, *, sizes: Sequence[float] = SIZES, seeds: int = SEEDS) -> dict[str, Any]:
    """Return the record of one curve.

    Keys: `set`, `name`, `verdict`, `target`, `points` as [size, share caught], `smallest` size of
    which at least `SHARE` was caught, `seeds`, `seconds`.
    """
    base, edit, target = CURVES[name]
    started = time.perf_counter()
    points = []
    for size in sizes:
        inject = partial(edit, size)
        caught = sum(not base.check("torch", inject, seed=s).passed for s in range(seeds))
        points.append([size, caught / seeds])
        if not caught:
            break  # smaller ones are caught no more often
    caught_sizes = [size for size, share in points if share >= SHARE]
    return {
        "set": "sensitivity", "name": name, "verdict": "", "target": target, "points": points,
        "smallest": min(caught_sizes, default=1.0), "seeds": seeds,
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def jobs() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the curves as jobs of an audit."""
    for name in CURVES:
        yield f"sensitivity/{name}", partial(curve, name)
