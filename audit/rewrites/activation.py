"""Equivalent forms of activations."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.case import rewrite
from audit.correct_pairs import RESIDUAL, TIME
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt


def _block(block: Any, silu: Any) -> None:
    def forward(x: Tensor, time: Tensor) -> Tensor:
        h = block.conv1(silu(block.norm1(x)))
        h = h + block.time_projection(silu(time))[:, :, None, None]
        return block.shortcut(x) + block.conv2(block.dropout(silu(block.norm2(h))))

    block.forward = forward


@rewrite(RESIDUAL)
def silu_by_sigmoid(block: Any) -> None:
    """X sigmoid(x)."""
    _block(block, lambda x: x * torch.sigmoid(x))


@rewrite(RESIDUAL)
def silu_by_tanh(block: Any) -> None:
    """X (1 + tanh(x / 2)) / 2."""
    _block(block, lambda x: x * (1 + torch.tanh(x / 2)) / 2)


@rewrite(RESIDUAL)
def silu_by_division(block: Any) -> None:
    """X / (1 + exp(-x))."""
    _block(block, lambda x: x / (1 + torch.exp(-x)))


@rewrite(RESIDUAL)
def silu_by_logsigmoid(block: Any) -> None:
    """X exp(log sigmoid(x))."""
    _block(block, lambda x: x * torch.exp(F.logsigmoid(x)))


@rewrite(RESIDUAL)
def silu_in_place(block: Any) -> None:
    """In place, where the value is not needed again."""
    _block(block, lambda x: F.silu(x.clone(), inplace=True))


@rewrite(TIME)
def silu_by_sigmoid_after_the_embedding(module: Any) -> None:
    """X sigmoid(x) between the two layers of the embedding."""

    def forward(timestep: Tensor) -> Tensor:
        h = module.linear1(module.sinusoids(timestep).to(module.linear1.weight.dtype))
        return module.linear2(h * torch.sigmoid(h))

    module.forward = forward


@rewrite(LAYERS)
def gelu_by_erf(model: Any) -> None:
    """X (1 + erf(x / sqrt 2)) / 2."""
    model.gelu.forward = lambda input: input * (1 + torch.erf(input / math.sqrt(2))) / 2


@rewrite(LAYERS)
def gelu_by_erfc(model: Any) -> None:
    """X erfc(-x / sqrt 2) / 2."""
    model.gelu.forward = lambda input: input * torch.special.erfc(-input / math.sqrt(2)) / 2


@rewrite(LAYERS)
def leaky_relu_by_maximum(model: Any) -> None:
    """max(x, a x)."""
    model.act.forward = lambda input: torch.maximum(input, 0.2 * input)


@rewrite(LAYERS)
def leaky_relu_by_relus(model: Any) -> None:
    """relu(x) - a relu(-x)."""
    model.act.forward = lambda input: torch.relu(input) - 0.2 * torch.relu(-input)


@rewrite(LAYERS, "jittor")
def leaky_relu_by_maximum_in_jittor(model: Any) -> None:
    """max(x, a x)."""
    model.act.execute = lambda x: jt.maximum(x, 0.2 * x)


@rewrite(LAYERS, "jittor")
def gelu_by_erf_in_jittor(model: Any) -> None:
    """X (1 + erf(x / sqrt 2)) / 2."""
    model.gelu.execute = lambda x: x * (1 + jt.erf(x / math.sqrt(2))) / 2
