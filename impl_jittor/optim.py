"""Adam with linear warm-up, and clipping of the gradient's norm."""

from __future__ import annotations

import math
from collections.abc import Iterable

import jittor as jt
from jittor import Var, nn

from ddpm.config import TrainConfig
from impl_jittor.operators import adam, constant


def learning_rate(step: int, config: TrainConfig) -> float:
    """Return the rate of step 0, 1, …: rising from 0 to `lr` over `warmup_steps`, then constant."""
    if step >= config.warmup_steps:
        return config.lr
    return config.lr * step / config.warmup_steps


def clip_grad_norm(gradients: Iterable[Var], max_norm: float) -> Var:
    """Scale all gradients so that their joint 2-norm is at most `max_norm`; return that norm."""
    gradients = list(gradients)
    total = jt.sqrt(jt.concat([g.sqr().sum() for g in gradients]).sum())
    limit, offset, one = (constant(value, total) for value in (max_norm, 1e-6, 1.0))
    scale = jt.minimum(limit / (total + offset), one)
    for gradient in gradients:
        gradient.update(gradient * scale)
    return total


class Adam(jt.optim.Optimizer):
    """Adam in torch's form: epsilon is added after the bias correction (Kingma & Ba 2015).

    Jittor's Adam adds it before, which is another function (Kingma & Ba, end of section 2).
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.named_parameters = dict(model.named_parameters())
        super().__init__(list(self.named_parameters.values()), config.lr)
        self.betas = config.betas
        self.epsilon = config.epsilon
        group = self.param_groups[0]
        group["exp_avg"] = [jt.zeros_like(p).stop_grad() for p in group["params"]]
        group["exp_avg_sq"] = [jt.zeros_like(p).stop_grad() for p in group["params"]]

    def update(self, loss: Var, lr: float, clip_norm: float) -> None:
        """Take one step down the clipped gradient of `loss`."""
        self.lr = lr
        self.backward(loss)
        clip_grad_norm(self.param_groups[0]["grads"], clip_norm)
        self.step()

    def step(self, loss: Var | None = None, retain_graph: bool = False) -> None:
        """Apply the current gradients (Kingma & Ba 2015, algorithm 1)."""
        self.pre_step(loss, retain_graph)
        group = self.param_groups[0]
        beta1, beta2 = self.betas
        numbers = {
            "keep1": beta1,
            "take1": 1 - beta1,
            "keep2": beta2,
            "take2": 1 - beta2,
            "rate": self.lr / (1 - beta1**self.n_step),
            "root2": math.sqrt(1 - beta2**self.n_step),
            "epsilon": self.epsilon,
        }
        adam(
            group["params"], group["grads"], group["exp_avg"], group["exp_avg_sq"], numbers=numbers
        )
        self.post_step()

    def moments(self, which: str) -> dict[str, Var]:
        """Return `exp_avg` or `exp_avg_sq` by parameter name; the live tensors, not copies."""
        return dict(zip(self.named_parameters, self.param_groups[0][which], strict=True))

    def set_step(self, step: int) -> None:
        """Set the number of updates that the moments contain."""
        self.n_step = step
