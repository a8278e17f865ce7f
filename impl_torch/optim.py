"""Adam with linear warm-up, and clipping of the gradient's norm."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ddpm.config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of step 0, 1, …: rising from 0 to `lr` over `warmup_steps`, then constant."""
    if step >= config.warmup_steps:
        return config.lr
    return config.lr * step / config.warmup_steps


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> Tensor:
    """Scale all gradients so that their joint 2-norm is at most `max_norm`; return that norm."""
    return nn.utils.clip_grad_norm_(parameters, max_norm)


class Adam(torch.optim.Adam):
    """Adam in torch's form: epsilon is added after the bias correction (Kingma & Ba 2015)."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.named_parameters = dict(model.named_parameters())
        super().__init__(
            self.named_parameters.values(),
            config.lr,
            betas=config.betas,
            eps=config.epsilon,
            fused=True,
        )
        for parameter in self.named_parameters.values():
            self.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def update(self, loss: Tensor, lr: float, clip_norm: float) -> None:
        """Take one step down the clipped gradient of `loss`."""
        self.param_groups[0]["lr"] = lr
        self.zero_grad()
        loss.backward()
        clip_grad_norm(self.named_parameters.values(), clip_norm)
        self.step()

    def moments(self, which: str) -> dict[str, Tensor]:
        """Return `exp_avg` or `exp_avg_sq` by parameter name; the live tensors, not copies."""
        return {name: self.state[p][which] for name, p in self.named_parameters.items()}

    def set_step(self, step: int) -> None:
        """Set the number of updates that the moments contain."""
        for parameter in self.named_parameters.values():
            self.state[parameter]["step"].fill_(step)
