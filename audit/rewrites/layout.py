"""The same values in another memory layout, recomputed, or in other batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from audit.case import rewrite
from audit.correct_pairs import ATTENTION, RESIDUAL, UPSAMPLE


@rewrite(RESIDUAL)
def channels_last(block: Any) -> None:
    """Images with their channels last in memory."""
    forward = block.forward
    block.forward = lambda x, time: forward(x.to(memory_format=torch.channels_last), time)


@rewrite(RESIDUAL)
def recomputed(block: Any) -> None:
    """A convolution computed again in the backward pass."""
    forward = block.conv1.forward
    block.conv1.forward = lambda input: checkpoint(forward, input, use_reentrant=False)


@rewrite(RESIDUAL)
def image_by_image(block: Any) -> None:
    """A convolution applied to each image of the batch by itself."""
    forward = block.conv2.forward
    block.conv2.forward = lambda input: torch.cat([forward(x[None]) for x in input])


@rewrite(ATTENTION)
def in_place_residual(module: Any) -> None:
    """The residual added in place."""

    def forward(x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        h = module.norm(x).reshape(N, C, H * W).transpose(1, 2)
        q, k, v = module.query(h), module.key(h), module.value(h)
        h = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return module.out(h).transpose(1, 2).reshape(x.shape).contiguous().add_(x)

    module.forward = forward


@rewrite(UPSAMPLE)
def copied_first(module: Any) -> None:
    """The input copied."""
    forward = module.forward
    module.forward = lambda x: forward(x.clone().contiguous())


@rewrite(RESIDUAL)
def two_threads(block: Any) -> None:
    """A convolution on two threads."""
    forward = block.conv1.forward

    def threaded(input: Tensor) -> Tensor:
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            return forward(input)
        finally:
            torch.set_num_threads(before)

    block.conv1.forward = threaded


@rewrite(UPSAMPLE)
def pixels_expanded(module: Any) -> None:
    """Nearest upsampling by a broadcast."""

    def forward(x: Tensor) -> Tensor:
        N, C, H, W = x.shape
        wide = x[:, :, :, None, :, None].expand(N, C, H, 2, W, 2)
        return module.conv(wide.reshape(N, C, 2 * H, 2 * W))

    module.forward = forward
