"""Faults of convolutions and linear layers: padding, stride, dilation, transposition, groups."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from audit.case import BOTH, UNREPORTED, mutant, never
from audit.correct_pairs import DOWNSAMPLE, RESIDUAL, UNET
from audit.edits import replace_call
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

BIAS = "https://github.com/rosinality/style-based-gan-pytorch/issues/105"
ASYMMETRIC = "https://github.com/MegEngine/MegDiffusion/issues/7"
SAME = "https://github.com/taehoonlee/tensornets/issues/25"
PADDING = "https://github.com/mlcommons/algorithmic-efficiency/pull/231"
TRANSPOSED = "reprod_log transposes weights where the shapes fit; square ones never show it"
FLIPPED = "Goodfellow et al. 2016, section 9.1: convolution flips"


@mutant(DOWNSAMPLE, "torch", "", "forward", ASYMMETRIC, visible=lambda c: c.is_spatial)
def padded_above_and_left(module: Any) -> None:
    """Padded on the other two sides."""
    module.forward = lambda x: module.conv(F.pad(x, (1, 0, 1, 0)))


@mutant(DOWNSAMPLE, "jittor", "", "forward", SAME, visible=never)
def padded_all_around(module: Any) -> None:
    """Padded by 1 on every side, which gives the same shape."""
    module.execute = lambda x: module.conv(jt.nn.pad(x, [1, 1, 1, 1])[:, :, :9, :9])


@mutant(RESIDUAL, "torch", "conv1", "forward", PADDING, visible=lambda c: c.is_spatial)
def reflected_border(block: Any) -> None:
    """Padding by reflection for zeros."""
    conv = block.conv1
    conv.forward = lambda input: F.conv2d(
        F.pad(input, (1, 1, 1, 1), mode="reflect"), conv.weight, conv.bias
    )


@mutant(RESIDUAL, "jittor", "conv2", "forward", PADDING, visible=lambda c: c.is_spatial)
def replicated_border(block: Any) -> None:
    """Padding by the border's pixels for zeros."""
    conv = block.conv2
    conv.execute = lambda x: jt.nn.conv2d(
        jt.nn.pad(x, [1, 1, 1, 1], mode="replicate"), conv.weight, conv.bias
    )


@mutant(RESIDUAL, "torch", "conv2", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def dilated(block: Any) -> None:
    """Dilation 2, padded so that the shape stays."""
    block.conv2.dilation, block.conv2.padding = (2, 2), (2, 2)


@mutant(RESIDUAL, "jittor", "conv1", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def dilated_in_jittor(block: Any) -> None:
    """Dilation 2, padded so that the shape stays."""
    block.conv1.dilation, block.conv1.padding = (2, 2), (2, 2)


@mutant(DOWNSAMPLE, "torch", "conv", "forward", SAME, visible=lambda c: c.is_spatial)
def stride_one(module: Any) -> None:
    """The stride forgotten: another shape."""
    module.conv.stride = (1, 1)


@mutant(LAYERS, BOTH, "square", "forward", TRANSPOSED)
def square_weight_transposed(model: Any) -> None:
    """A square weight used without transposing it."""
    square = model.square
    replace_call(square, lambda x: x @ square.weight + square.bias)


@mutant(
    UNET, "torch", "middle.attention.value", "forward", TRANSPOSED, visible=lambda c: c.is_spatial
)
def values_transposed(unet: Any) -> None:
    """The square weight of one attention's values transposed, in a whole U-Net."""
    value = unet.middle.attention.value
    value.forward = lambda input: F.linear(input, value.weight.T, value.bias)


@mutant(RESIDUAL, "torch", "conv2", "forward", FLIPPED, visible=lambda c: c.is_spatial)
def kernel_flipped(block: Any) -> None:
    """A true convolution, whose kernel is mirrored."""
    conv = block.conv2
    conv.forward = lambda input: F.conv2d(input, conv.weight.flip(2, 3), conv.bias, padding=1)


@mutant(RESIDUAL, "jittor", "conv2", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def kernel_height_for_width(block: Any) -> None:
    """Height and width of a kernel exchanged."""
    conv = block.conv2
    conv.execute = lambda x: jt.nn.conv2d(x, conv.weight.permute(0, 1, 3, 2), conv.bias, padding=1)


@mutant(LAYERS, "torch", "conv", "forward", UNREPORTED)
def groups_in_another_order(model: Any) -> None:
    """Channels interleaved between the groups of a convolution."""
    forward = model.conv.forward
    model.conv.forward = lambda input: forward(input[:, [0, 2, 1, 3]])


@mutant(LAYERS, "jittor", "conv", "forward", UNREPORTED)
def groups_in_another_order_in_jittor(model: Any) -> None:
    """The groups' inputs exchanged."""
    execute = model.conv.execute
    model.conv.execute = lambda x: execute(jt.concat([x[:, 2:], x[:, :2]], dim=1))


@mutant(UNET, "torch", "conv_in", "forward", BIAS, visible=lambda c: c.is_spatial)
def bias_forgotten(unet: Any) -> None:
    """The first convolution without its bias."""
    conv = unet.conv_in
    conv.forward = lambda input: F.conv2d(input, conv.weight, None, padding=1)


@mutant(RESIDUAL, "torch", "", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def skip_added_before_the_second_half(block: Any) -> None:
    """The shortcut added too early."""
    silu = F.silu

    def forward(x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h = block.conv1(silu(block.norm1(x)))
        h = h + block.time_projection(silu(time))[:, :, None, None]
        h = h + block.shortcut(x)
        return block.conv2(block.dropout(silu(block.norm2(h))))

    block.forward = forward
