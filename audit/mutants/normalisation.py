"""Faults of normalisations: epsilon, variance, momentum, affine parameters, groups."""

from __future__ import annotations

from typing import Any

import torch

from audit.case import BOTH, UNREPORTED, mutant, never
from audit.correct_pairs import RESIDUAL, UNET
from audit.edits import replace_call
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

EPSILON = "https://github.com/MegEngine/MegDiffusion/issues/5"
EPSILON_AGAIN = "https://github.com/ml-explore/mlx-examples/issues/1434"
RUNNING = "https://github.com/tinygrad/tinygrad/pull/807"
MOMENTUM = "https://github.com/fastestimator/fastestimator/pull/1201"
BIASED = "Jittor 1.3.11 nn.py: Var.var is biased by default, torch's unbiased"
OUTSIDE = "https://github.com/keras-team/keras/pull/8726"
GROUPS = "https://github.com/fkodom/yet-another-retnet/pull/11"


@mutant(
    RESIDUAL, "torch", "norm1", "forward", EPSILON,
    visible=lambda c: c.is_spatial and c.run.unet.norm_epsilon != 1e-5,
)  # fmt: skip
def epsilon_left_at_pytorchs_default(block: Any) -> None:
    """GroupNorm with 1e-5 where the paper's code has 1e-6."""
    block.norm1.eps = 1e-5


@mutant(
    RESIDUAL, "jittor", "norm2", "forward", EPSILON_AGAIN,
    visible=lambda c: c.is_spatial and c.run.unet.norm_epsilon != 1e-5,
)  # fmt: skip
def epsilon_left_at_jittors_default(block: Any) -> None:
    """GroupNorm with 1e-5 where the paper's code has 1e-6."""
    block.norm2.epsilon = 1e-5


@mutant(
    UNET, "torch", "up.0.attentions.0.norm", "forward", EPSILON_AGAIN,
    visible=lambda c: (
        c.is_spatial and c.structure.attends[-1] and c.run.unet.norm_epsilon != 1e-5
    ),
)  # fmt: skip
def epsilon_of_one_attention(unet: Any) -> None:
    """Another epsilon in the normalisation of one attention of a whole U-Net."""
    unet.up[0].attentions[0].norm.eps = 1e-5


@mutant(LAYERS, "torch", "norm", "forward", EPSILON)
def layer_norm_of_another_library(model: Any) -> None:
    """LayerNorm with 1e-12, BERT's epsilon, for 1e-5."""
    model.norm.eps = 1e-12


@mutant(LAYERS, "jittor", "norm", "forward", EPSILON)
def layer_norm_with_epsilon_1e_6(model: Any) -> None:
    """LayerNorm with 1e-6 for 1e-5."""
    model.norm.eps = 1e-6


def _spell_out(norm: Any, *, correction: int = 0, outside: bool = False) -> None:
    """Write a GroupNorm out in operators, with a variance or an epsilon of another kind."""
    is_torch = isinstance(norm, torch.nn.Module)
    groups = norm.num_groups if is_torch else norm.groups
    epsilon = norm.eps if is_torch else norm.epsilon

    def call(x: Any) -> Any:
        N, C, H, W = x.shape
        size = C // groups * H * W
        grouped = x.reshape(N, groups, size)
        centred = grouped - grouped.sum(2, keepdims=True) / size
        variance = (centred * centred).sum(2, keepdims=True) / (size - correction)
        root = variance.sqrt() + epsilon if outside else (variance + epsilon).sqrt()
        normal = (centred / root).reshape(N, C, H, W)
        return normal * norm.weight.reshape(1, C, 1, 1) + norm.bias.reshape(1, C, 1, 1)

    replace_call(norm, call)


@mutant(RESIDUAL, BOTH, "norm1", "forward", BIASED, visible=lambda c: c.is_spatial)
def unbiased_group_variance(block: Any) -> None:
    """GroupNorm with the unbiased variance, divided by n - 1."""
    _spell_out(block.norm1, correction=1)


@mutant(RESIDUAL, "jittor", "norm2", "forward", OUTSIDE, visible=lambda c: c.is_spatial)
def epsilon_outside_the_root(block: Any) -> None:
    """Divides by sqrt(variance) + epsilon."""
    _spell_out(block.norm2, outside=True)


@mutant(RESIDUAL, "torch", "norm2", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def shift_not_applied(block: Any) -> None:
    """GroupNorm without its bias."""
    norm = block.norm2
    norm.forward = lambda input: torch.nn.functional.group_norm(
        input, norm.num_groups, norm.weight, None, norm.eps
    )


@mutant(RESIDUAL, "jittor", "norm2", "forward", UNREPORTED, visible=lambda c: c.is_spatial)
def scale_not_applied(block: Any) -> None:
    """GroupNorm without its weight."""
    norm, execute = block.norm2, block.norm2.execute

    def unscaled(x: Any) -> Any:
        shift = norm.bias.reshape(1, -1, 1, 1)
        return (execute(x) - shift) / norm.weight.reshape(1, -1, 1, 1) + shift

    norm.execute = unscaled


@mutant(
    RESIDUAL, "torch", "norm1", "forward", GROUPS,
    visible=lambda c: c.is_spatial and c.run.unet.norm_groups != 2,
)  # fmt: skip
def other_number_of_groups(block: Any) -> None:
    """Two groups for four."""
    block.norm1.num_groups = 2


@mutant(RESIDUAL, "jittor", "norm1", "forward", GROUPS, visible=never)
def one_group_for_each_channel(block: Any) -> None:
    """As many groups as channels: an instance norm."""
    block.norm1.groups = 8


@mutant(LAYERS, "jittor", "batch", "forward", RUNNING, "running_var")
def biased_running_variance(model: Any) -> None:
    """Jittor's own BatchNorm, whose running variance is biased."""
    execute = jt.nn.BatchNorm2d.execute
    model.batch.execute = lambda x: execute(model.batch, x)


@mutant(LAYERS, "torch", "batch", "forward", MOMENTUM, "running_mean")
def momentum_of_the_other_convention(model: Any) -> None:
    """0.9, the share that is kept, for 0.1, the share that is new."""
    model.batch.momentum = 0.9


@mutant(LAYERS, "jittor", "batch", "forward", MOMENTUM, "running_mean")
def momentum_of_another_library(model: Any) -> None:
    """0.01, TensorFlow's default in PyTorch's convention."""
    model.batch.momentum = 0.01


@mutant(LAYERS, "torch", "batch", "forward", RUNNING)
def batch_statistics_for_each_sample(model: Any) -> None:
    """BatchNorm that takes its statistics from each sample alone."""
    batch = model.batch

    def forward(input: torch.Tensor) -> torch.Tensor:
        mean = input.mean((2, 3), keepdim=True)
        spread = (input.var((2, 3), keepdim=True, unbiased=False) + batch.eps).sqrt()
        normal = (input - mean) / spread
        return normal * batch.weight[:, None, None] + batch.bias[:, None, None]

    batch.forward = forward
