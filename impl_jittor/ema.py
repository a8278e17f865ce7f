"""The exponential moving average of the weights, from which samples are drawn."""

from __future__ import annotations

from jittor import Var, nn

from impl_jittor.operators import constant


class EMA:
    """Averaged weights: after each step average <- average + (1 - decay) (weight - average)."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.average: dict[str, Var] = {
            name: parameter.copy().stop_grad() for name, parameter in model.named_parameters()
        }

    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's weights."""
        rest = constant(1 - self.decay, next(iter(self.average.values())))
        for name, parameter in model.named_parameters():
            average = self.average[name]
            average.update(average + rest * (parameter - average))
