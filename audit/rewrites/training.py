"""Equivalent forms of training: optimizers, averages and losses."""

from __future__ import annotations

from typing import Any

import torch

from audit.case import rewrite
from audit.correct_pairs import TRAINING


@rewrite(TRAINING)
def adam_for_each_tensor(stepper: Any) -> None:
    """Adam tensor by tensor and not all at once."""
    stepper.trainer.optimizer.param_groups[0].update(fused=False, foreach=False)


@rewrite(TRAINING)
def adam_of_several_tensors(stepper: Any) -> None:
    """Adam on lists of tensors."""
    stepper.trainer.optimizer.param_groups[0].update(fused=False, foreach=True)


@rewrite(TRAINING)
def weights_with_the_channels_first(stepper: Any) -> None:
    """Weights in another order in memory."""
    stepper.trainer.model.to(memory_format=torch.contiguous_format)
    # The fused kernel reads weights and moments in the order in which they lie in memory.
    stepper.trainer.optimizer.param_groups[0].update(fused=False)


@rewrite(TRAINING)
def loss_spelled_out(stepper: Any) -> None:
    """The mean of squares in operators."""
    diffusion = stepper.trainer.diffusion
    diffusion.loss = lambda model, x, t, noise: (
        (model(diffusion.q_sample(x, t, noise), t) - noise).square().sum() / x.numel()
    )


@rewrite(TRAINING)
def average_as_a_sum(stepper: Any) -> None:
    """Decay average + (1 - decay) weight."""
    ema = stepper.trainer.ema

    def update(model: Any) -> None:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                ema.average[name].mul_(ema.decay).add_(weight, alpha=1 - ema.decay)

    ema.update = update


@rewrite(TRAINING, "jittor")
def average_as_a_sum_in_jittor(stepper: Any) -> None:
    """Decay average + (1 - decay) weight."""
    from impl_jittor.operators import constant

    ema = stepper.trainer.ema

    def update(model: Any) -> None:
        for name, weight in model.named_parameters():
            a = ema.average[name]
            a.update(constant(ema.decay, a) * a + constant(1 - ema.decay, a) * weight)

    ema.update = update


@rewrite(TRAINING)
def gradients_set_to_zero(stepper: Any) -> None:
    """Gradients set to zero and not to None."""
    optimizer = stepper.trainer.optimizer
    zero_grad = optimizer.zero_grad
    optimizer.zero_grad = lambda: zero_grad(set_to_none=False)
