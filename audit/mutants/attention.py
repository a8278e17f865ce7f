"""Faults of attention: scale, axis, heads, residual connection."""

from __future__ import annotations

from typing import Any

import jittor as jt
import torch

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import ATTENTION, UNET
from audit.layer_zoo import LAYERS

SCALE = "https://github.com/Project-MONAI/GenerativeModels/issues/146"
AXIS = "https://github.com/labmlai/annotated_deep_learning_paper_implementations/issues/146"
PAPER = "Vaswani et al. 2017, eq. 1: scaled by 1 / sqrt(d)"


def _torch(module: Any, weigh: Any, *, residual: bool = True) -> Any:
    def forward(x: torch.Tensor) -> torch.Tensor:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).transpose(1, 2)
        q, k, v = module.query(h), module.key(h), module.value(h)
        out = module.out(weigh(q, k) @ v).transpose(1, 2).reshape(x.shape)
        return x + out if residual else out

    return forward


def _jittor(module: Any, weigh: Any, *, residual: bool = True) -> Any:
    def execute(x: Any) -> Any:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).transpose(0, 2, 1)
        q, k, v = module.query(h), module.key(h), module.value(h)
        out = module.out(jt.nn.bmm(weigh(q, k), v)).transpose(0, 2, 1).reshape(x.shape)
        return x + out if residual else out

    return execute


def _softmax(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    return torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1)


def _softmax_jt(q: Any, k: Any) -> Any:
    return jt.nn.softmax(jt.nn.bmm_transpose(q, k) / q.shape[-1] ** 0.5, dim=-1)


@mutant(ATTENTION, "torch", "", "forward", SCALE)
def no_scale(module: Any) -> None:
    """Scores not divided by the root of the width."""
    module.forward = _torch(module, lambda q, k: torch.softmax(q @ k.transpose(1, 2), -1))


@mutant(ATTENTION, "jittor", "", "forward", PAPER)
def scaled_by_the_width(module: Any) -> None:
    """Scores divided by the width and not by its root."""
    module.execute = _jittor(
        module, lambda q, k: jt.nn.softmax(jt.nn.bmm_transpose(q, k) / q.shape[-1], dim=-1)
    )


@mutant(ATTENTION, "torch", "", "forward", AXIS)
def softmax_over_queries(module: Any) -> None:
    """Softmax along the wrong axis."""
    module.forward = _torch(
        module, lambda q, k: torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, 1)
    )


@mutant(ATTENTION, "jittor", "", "forward", AXIS)
def softmax_over_queries_in_jittor(module: Any) -> None:
    """Softmax along the wrong axis."""
    module.execute = _jittor(
        module, lambda q, k: jt.nn.softmax(jt.nn.bmm_transpose(q, k) / q.shape[-1] ** 0.5, dim=1)
    )


@mutant(ATTENTION, "torch", "", "forward", UNREPORTED)
def keys_ask_and_queries_answer(module: Any) -> None:
    """Queries and keys exchanged."""
    module.forward = _torch(module, lambda q, k: _softmax(k, q))


@mutant(ATTENTION, "jittor", "", "forward", UNREPORTED)
def no_residual(module: Any) -> None:
    """No residual connection."""
    module.execute = _jittor(module, _softmax_jt, residual=False)


@mutant(UNET, "torch", "middle.attention", "forward", UNREPORTED)
def no_residual_in_the_middle(unet: Any) -> None:
    """No residual connection around one attention of a whole U-Net."""
    module = unet.middle.attention
    module.forward = _torch(module, _softmax, residual=False)


@mutant(LAYERS, "torch", "heads", "forward", UNREPORTED)
def heads_innermost(model: Any) -> None:
    """Channels split as (width, heads) and not as (heads, width)."""
    model.heads.split = lambda x: x.reshape(x.shape[0], x.shape[1], 4, 2).permute(0, 3, 1, 2)


@mutant(LAYERS, "jittor", "heads", "forward", UNREPORTED)
def heads_innermost_in_jittor(model: Any) -> None:
    """Channels split as (width, heads) and not as (heads, width)."""
    model.heads.split = lambda x: x.reshape(x.shape[0], x.shape[1], 4, 2).permute(0, 3, 1, 2)
