"""Equivalent forms of normalisations: passes, order of sums, fused or spelled out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from audit.case import rewrite
from audit.correct_pairs import RESIDUAL
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

Moments = Callable[[Tensor], tuple[Tensor, Tensor]]


def _group_norm(norm: Any, moments: Moments) -> Callable[[Tensor], Tensor]:
    def forward(input: Tensor) -> Tensor:
        x = input.reshape(input.shape[0], norm.num_groups, -1)
        mean, variance = moments(x)
        x = (x - mean) * torch.rsqrt(variance + norm.eps)
        return x.reshape(input.shape) * norm.weight[:, None, None] + norm.bias[:, None, None]

    return forward


def _two_pass(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(-1, keepdim=True)
    return mean, (x - mean).square().mean(-1, keepdim=True)


def _one_pass(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(-1, keepdim=True)
    return mean, (x.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)


@rewrite(RESIDUAL)
def two_passes(block: Any) -> None:
    """Variance as the mean of squared deviations."""
    block.norm1.forward = _group_norm(block.norm1, _two_pass)


@rewrite(RESIDUAL)
def one_pass(block: Any) -> None:
    """Variance as E[x^2] - E[x]^2."""
    block.norm1.forward = _group_norm(block.norm1, _one_pass)


@rewrite(RESIDUAL)
def one_pass_in_the_second(block: Any) -> None:
    """Variance as E[x^2] - E[x]^2, in the other normalisation."""
    block.norm2.forward = _group_norm(block.norm2, _one_pass)


@rewrite(RESIDUAL)
def shifted_pass(block: Any) -> None:
    """One pass over the data less its first element."""

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        first = x[..., :1].detach()
        mean, variance = _one_pass(x - first)
        return mean + first, variance

    block.norm1.forward = _group_norm(block.norm1, moments)


@rewrite(RESIDUAL)
def summed_in_halves(block: Any) -> None:
    """Moments of two halves, then merged (Chan et al. 1979)."""

    def moments(x: Tensor) -> tuple[Tensor, Tensor]:
        parts = [_two_pass(part) for part in x.chunk(2, -1)]
        (a, va), (b, vb) = parts
        return (a + b) / 2, (va + vb) / 2 + ((a - b) / 2).square()

    block.norm2.forward = _group_norm(block.norm2, moments)


@rewrite(RESIDUAL)
def summed_backwards(block: Any) -> None:
    """The sums taken from the other end."""
    block.norm1.forward = _group_norm(block.norm1, lambda x: _two_pass(x.flip(-1)))


@rewrite(RESIDUAL)
def affine_folded(block: Any) -> None:
    """Scale and shift folded with mean and spread into one multiplication and one addition."""
    norm = block.norm2

    def forward(input: Tensor) -> Tensor:
        N, C = input.shape[:2]
        mean, variance = _two_pass(input.reshape(N, norm.num_groups, -1))
        root = torch.rsqrt(variance + norm.eps)
        each = C // norm.num_groups
        scale = root.repeat_interleave(each, 1).reshape(N, C, 1, 1) * norm.weight[:, None, None]
        mean = mean.repeat_interleave(each, 1).reshape(N, C, 1, 1)
        return (input - mean) * scale + norm.bias[:, None, None]

    norm.forward = forward


@rewrite(RESIDUAL, "jittor")
def plain_form(block: Any) -> None:
    """The normalisation in Jittor's operators and not in a kernel."""
    norm = block.norm1

    def execute(x: Any) -> Any:
        N, C, H, W = x.shape
        size = C // norm.groups * H * W
        grouped = x.reshape(N, norm.groups, size)
        centred = grouped - grouped.sum(2, keepdims=True) / size
        normal = centred / jt.sqrt(centred.sqr().sum(2, keepdims=True) / size + norm.epsilon)
        normal = normal.reshape(N, C, H, W)
        return normal * norm.weight.reshape(1, C, 1, 1) + norm.bias.reshape(1, C, 1, 1)

    norm.execute = execute


@rewrite(RESIDUAL, "jittor")
def one_pass_in_jittor(block: Any) -> None:
    """Variance as E[x^2] - E[x]^2."""
    norm = block.norm2

    def execute(x: Any) -> Any:
        N, C, H, W = x.shape
        size = C // norm.groups * H * W
        grouped = x.reshape(N, norm.groups, size)
        mean = grouped.sum(2, keepdims=True) / size
        variance = jt.maximum(grouped.sqr().sum(2, keepdims=True) / size - mean.sqr(), 0.0)
        normal = ((grouped - mean) / jt.sqrt(variance + norm.epsilon)).reshape(N, C, H, W)
        return normal * norm.weight.reshape(1, C, 1, 1) + norm.bias.reshape(1, C, 1, 1)

    norm.execute = execute


@rewrite(LAYERS)
def layer_norm_spelled_out(model: Any) -> None:
    """LayerNorm in operators."""
    norm = model.norm

    def forward(input: Tensor) -> Tensor:
        mean, variance = _two_pass(input)
        return (input - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias

    norm.forward = forward


@rewrite(LAYERS)
def layer_norm_in_one_pass(model: Any) -> None:
    """LayerNorm by E[x^2] - E[x]^2."""
    norm = model.norm

    def forward(input: Tensor) -> Tensor:
        mean, variance = _one_pass(input)
        return (input - mean) / (variance + norm.eps).sqrt() * norm.weight + norm.bias

    norm.forward = forward
