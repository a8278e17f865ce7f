"""Equivalent forms of convolutions and resizing."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.case import rewrite
from audit.correct_pairs import DOWNSAMPLE, RESIDUAL, UPSAMPLE
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt


@rewrite(RESIDUAL)
def as_a_product(block: Any) -> None:
    """A convolution as a product of matrices (im2col)."""
    conv = block.conv1

    def forward(input: Tensor) -> Tensor:
        columns = F.unfold(input, 3, padding=1)
        out = conv.weight.flatten(1) @ columns + conv.bias[:, None]
        return out.reshape(input.shape[0], -1, *input.shape[2:])

    conv.forward = forward


@rewrite(RESIDUAL)
def as_nine_shifts(block: Any) -> None:
    """A convolution as nine shifted products."""
    conv = block.conv2

    def forward(input: Tensor) -> Tensor:
        H, W = input.shape[2:]
        padded = F.pad(input, (1, 1, 1, 1))
        parts = [
            torch.einsum(
                "nchw,oc->nohw", padded[:, :, i : i + H, j : j + W], conv.weight[..., i, j]
            )
            for i in range(3)
            for j in range(3)
        ]
        return torch.stack(parts).sum(0) + conv.bias[:, None, None]

    conv.forward = forward


@rewrite(RESIDUAL)
def padded_before(block: Any) -> None:
    """Zeros put around by hand."""
    conv = block.conv1
    conv.forward = lambda input: F.conv2d(F.pad(input, (1, 1, 1, 1)), conv.weight, conv.bias)


@rewrite(RESIDUAL)
def bias_added_after(block: Any) -> None:
    """The bias added by hand."""
    conv = block.conv2
    conv.forward = lambda input: F.conv2d(input, conv.weight, padding=1) + conv.bias[:, None, None]


@rewrite(RESIDUAL)
def split_by_input_channels(block: Any) -> None:
    """Two convolutions over halves of the channels, added."""
    conv = block.conv2

    def forward(input: Tensor) -> Tensor:
        halves = zip(input.chunk(2, 1), conv.weight.chunk(2, 1), strict=True)
        return sum(F.conv2d(x, w, padding=1) for x, w in halves) + conv.bias[:, None, None]

    conv.forward = forward


@rewrite(RESIDUAL)
def shortcut_as_a_linear_layer(block: Any) -> None:
    """A 1x1 convolution as a product over channels."""
    conv = block.shortcut
    conv.forward = lambda input: (
        torch.einsum("nchw,oc->nohw", input, conv.weight[..., 0, 0]) + conv.bias[:, None, None]
    )


@rewrite(DOWNSAMPLE)
def every_second_of_all(module: Any) -> None:
    """A stride of one, and every second result taken."""
    conv = module.conv
    conv.forward = lambda input: F.conv2d(input, conv.weight, conv.bias)[:, :, ::2, ::2]


@rewrite(UPSAMPLE)
def pixels_repeated(module: Any) -> None:
    """Nearest upsampling by repeating."""
    module.forward = lambda x: module.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3))


@rewrite(UPSAMPLE, "jittor")
def pixels_repeated_in_jittor(module: Any) -> None:
    """Nearest upsampling by a broadcast."""

    def execute(x: Any) -> Any:
        N, C, H, W = x.shape
        wide = x.reshape(N, C, H, 1, W, 1).broadcast([N, C, H, 2, W, 2])
        return module.conv(wide.reshape(N, C, 2 * H, 2 * W))

    module.execute = execute


@rewrite(LAYERS)
def groups_one_by_one(model: Any) -> None:
    """A grouped convolution as two, concatenated."""
    conv = model.conv

    def forward(input: Tensor) -> Tensor:
        parts = zip(input.chunk(2, 1), conv.weight.chunk(2), conv.bias.chunk(2), strict=True)
        return torch.cat([F.conv2d(x, w, b, padding=1) for x, w, b in parts], 1)

    conv.forward = forward


@rewrite(LAYERS, "jittor")
def groups_one_by_one_in_jittor(model: Any) -> None:
    """A grouped convolution as two, concatenated."""
    conv = model.conv

    def execute(x: Any) -> Any:
        parts = [
            jt.nn.conv2d(x[:, i : i + 2], conv.weight[o : o + 4], conv.bias[o : o + 4], padding=1)
            for i, o in ((0, 0), (2, 4))
        ]
        return jt.concat(parts, dim=1)

    conv.execute = execute
