"""Faults of the gradient alone: cut, scaled, accumulated, reduced in another way."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from audit.case import UNREPORTED, mutant
from audit.correct_pairs import RESIDUAL, TRAINING, UNET

STOPPED = "Jittor 1.3.11: stop_grad() works in place, torch's detach() copies"
REDUCTION = "https://github.com/mlcommons/algorithmic-efficiency/pull/272"
ACCUMULATED = "https://github.com/huggingface/blog/pull/2414"


@mutant(RESIDUAL, "torch", "", "backward", STOPPED)
def shortcut_detached(block: Any) -> None:
    """No gradient through the shortcut."""
    forward = block.forward

    def cut(x: Tensor, time: Tensor) -> Tensor:
        shortcut = block.shortcut(x)
        return forward(x, time) - shortcut + shortcut.detach()

    block.forward = cut


@mutant(RESIDUAL, "jittor", "", "backward", STOPPED)
def time_stopped(block: Any) -> None:
    """The term from the timestep stopped in place, as when a value is only to be printed."""
    from impl_jittor.operators import silu

    def execute(x: Any, time: Any) -> Any:
        h = block.conv1(silu(block.norm1(x)))
        term = block.time_projection(silu(time)).unsqueeze(2).unsqueeze(3)
        h = h + term.stop_grad()
        h = block.conv2(block.dropout(silu(block.norm2(h))))
        return block.shortcut(x) + h

    block.execute = execute


class _Scaled(torch.autograd.Function):
    """The identity, whose gradient is a thousandth too small."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, up: Tensor) -> Tensor:
        return up * 0.999


@mutant(RESIDUAL, "torch", "conv2", "backward", UNREPORTED)
def gradient_a_thousandth_too_small(block: Any) -> None:
    """The gradient with respect to a convolution's input scaled by 0.999, which Adam hides."""
    forward = block.conv2.forward
    block.conv2.forward = lambda input: forward(_Scaled.apply(input))


@mutant(RESIDUAL, "jittor", "norm2", "backward", UNREPORTED)
def gradient_a_thousandth_too_small_in_jittor(block: Any) -> None:
    """The gradient with respect to a normalisation's input scaled by 0.999."""
    execute = block.norm2.execute

    def scaled(x: Any) -> Any:
        constant = x.copy().stop_grad()
        return execute(constant + 0.999 * (x - constant))

    block.norm2.execute = scaled


@mutant(UNET, "torch", "down.0.resnets.0.conv1", "backward", UNREPORTED)
def weight_without_gradient(unet: Any) -> None:
    """One weight of a whole U-Net detached."""
    conv = unet.down[0].resnets[0].conv1
    conv.forward = lambda input: F.conv2d(input, conv.weight.detach(), conv.bias, padding=1)


@mutant(TRAINING, "torch", None, "optimizer", ACCUMULATED, "exp_avg")
def never_zeroed(stepper: Any) -> None:
    """Gradients added to those of the step before."""
    stepper.trainer.optimizer.zero_grad = lambda set_to_none=True: None


@mutant(TRAINING, "torch", "", "optimizer", REDUCTION, "loss")
def summed_for_averaged(stepper: Any) -> None:
    """The loss summed over the batch."""
    diffusion = stepper.trainer.diffusion
    loss = diffusion.loss
    diffusion.loss = lambda model, x, t, noise: loss(model, x, t, noise) * len(x)


@mutant(
    TRAINING, "jittor", "", "optimizer", REDUCTION, "loss",
    visible=lambda c: c.run.unet.image_size > 1,
)  # fmt: skip
def summed_over_pixels(stepper: Any) -> None:
    """The loss summed over pixels."""
    diffusion = stepper.trainer.diffusion
    loss = diffusion.loss
    diffusion.loss = lambda model, x, t, noise: loss(model, x, t, noise) * (x.shape[2] * x.shape[3])
