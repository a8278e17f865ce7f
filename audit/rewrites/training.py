"""Training in other words: equivalent optimizers, averages and losses."""

from __future__ import annotations

from typing import Any

import torch

from audit.case import rewrite
from audit.correct_pairs import TRAINING
from impl_jittor.operators import constant


@rewrite(TRAINING)
def adam_for_each_tensor(side: Any) -> None:
    """Adam tensor by tensor and not all at once."""
    side.trainer.optimizer.param_groups[0].update(fused=False, foreach=False)


@rewrite(TRAINING)
def adam_of_several_tensors(side: Any) -> None:
    """Adam on lists of tensors."""
    side.trainer.optimizer.param_groups[0].update(fused=False, foreach=True)


@rewrite(TRAINING)
def weights_with_the_channels_first(side: Any) -> None:
    """Weights in another order in memory."""
    side.trainer.model.to(memory_format=torch.contiguous_format)
    # The fused kernel walks weights and moments side by side as they lie in memory.
    side.trainer.optimizer.param_groups[0].update(fused=False)


@rewrite(TRAINING)
def loss_spelled_out(side: Any) -> None:
    """The mean of squares in operators."""
    diffusion = side.trainer.diffusion
    diffusion.loss = lambda model, x, t, noise: (
        (model(diffusion.q_sample(x, t, noise), t) - noise).square().sum() / x.numel()
    )


@rewrite(TRAINING)
def average_as_a_sum(side: Any) -> None:
    """Decay average + (1 - decay) weight."""
    ema = side.trainer.ema

    def update(model: Any) -> None:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                ema.average[name].mul_(ema.decay).add_(weight, alpha=1 - ema.decay)

    ema.update = update


@rewrite(TRAINING, "jittor")
def average_as_a_sum_in_jittor(side: Any) -> None:
    """Decay average + (1 - decay) weight."""
    ema = side.trainer.ema

    def update(model: Any) -> None:
        for name, weight in model.named_parameters():
            a = ema.average[name]
            a.update(constant(ema.decay, a) * a + constant(1 - ema.decay, a) * weight)

    ema.update = update


@rewrite(TRAINING)
def gradients_set_to_zero(side: Any) -> None:
    """Gradients zeroed and not dropped."""
    optimizer = side.trainer.optimizer
    own = optimizer.zero_grad
    optimizer.zero_grad = lambda: own(set_to_none=False)
