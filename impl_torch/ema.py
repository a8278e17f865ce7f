"""The exponential moving average of the weights, from which samples are drawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EMA:
    """Averaged weights: after each step average <- average + (1 - decay) (weight - average)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Tensor] = {
            name: parameter.detach().clone() for name, parameter in model.named_parameters()
        }

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's weights."""
        average = list(self.average.values())
        torch._foreach_lerp_(average, list(model.parameters()), 1 - self.decay)
