"""Faults of the optimizer: epsilon, betas, bias correction, decay, learning rate, clipping."""

from __future__ import annotations

import math
from typing import Any

import torch

from audit.case import BOTH, UNREPORTED, mutant
from audit.correct_pairs import TRAINING
from audit.lazy_jittor import jt
from impl_torch.optim import learning_rate

BETA1 = "https://github.com/wilile26811249/ViTGAN/issues/8"
BETA2 = "https://github.com/OpenNMT/OpenNMT-py/pull/383"
WARM_UP = "https://github.com/google-research/bert/issues/1293"
BY_VALUE = "https://github.com/anthonytorlucci/rlevo/issues/432"
HAT = "https://github.com/tensorflow/tensorflow/issues/9047"
EPSILON = "https://github.com/juntang-zhuang/Adabelief-Optimizer/pull/12"
DECAY = "Loshchilov & Hutter 2019: L2 and decoupled decay differ"


def _step(optimizer: Any, *, hat: bool = False, corrected: bool = True, decay: float = 0.0) -> Any:
    """Return Jittor's step of Adam with an option that makes it another optimizer.

    Args:
        optimizer: Jittor's `Adam`.
        hat: whether epsilon is added before the bias correction.
        corrected: whether the moments' bias is corrected.
        decay: decoupled weight decay.
    """
    from impl_jittor.operators import constant

    def step(loss: Any = None, retain_graph: bool = False) -> None:
        optimizer.pre_step(loss, retain_graph)
        group, (one, two) = optimizer.param_groups[0], optimizer.betas
        n = optimizer.n_step
        correct1, correct2 = (1 - one**n, math.sqrt(1 - two**n)) if corrected else (1.0, 1.0)
        moments = zip(
            group["params"], group["grads"], group["exp_avg"], group["exp_avg_sq"], strict=True
        )
        for p, g, m, v in moments:
            c = {k: constant(x, p) for k, x in (
                ("k1", one), ("t1", 1 - one), ("k2", two), ("t2", 1 - two),
                ("r", optimizer.lr / correct1), ("c2", correct2), ("e", optimizer.epsilon),
                ("d", 1 - optimizer.lr * decay),
            )}  # fmt: skip
            m.update(c["k1"] * m + c["t1"] * g)
            v.update(c["k2"] * v + c["t2"] * g * g)
            root = (jt.sqrt(v) + c["e"]) / c["c2"] if hat else jt.sqrt(v) / c["c2"] + c["e"]
            p.update(c["d"] * p - c["r"] * m / root)
        optimizer.post_step()

    return step


@mutant(TRAINING, "jittor", None, "optimizer", HAT, "weights")
def epsilon_hat(stepper: Any) -> None:
    """Epsilon added before the bias correction, as in Jittor's own Adam."""
    stepper.trainer.optimizer.step = _step(stepper.trainer.optimizer, hat=True)


@mutant(TRAINING, "torch", None, "optimizer", EPSILON, "weights")
def epsilon_of_tensorflow(stepper: Any) -> None:
    """1e-7 for 1e-8."""
    stepper.trainer.optimizer.param_groups[0]["eps"] = 1e-7


@mutant(
    TRAINING, "torch", None, "optimizer", BETA2, "exp_avg_sq",
    visible=lambda c: c.run.train.betas[0] != 0.9,
)  # fmt: skip
def beta2_too_small(stepper: Any) -> None:
    """beta_2 0.99 for 0.999."""
    stepper.trainer.optimizer.param_groups[0]["betas"] = (0.9, 0.99)


@mutant(
    TRAINING, "jittor", None, "optimizer", BETA1, "exp_avg",
    visible=lambda c: c.run.train.betas[0] != 0.5,
)  # fmt: skip
def beta1_of_gans(stepper: Any) -> None:
    """beta_1 0.5 for 0.9."""
    stepper.trainer.optimizer.betas = (0.5, 0.999)


@mutant(TRAINING, "jittor", None, "optimizer", HAT, "weights")
def no_bias_correction(stepper: Any) -> None:
    """Moments used as they are."""
    stepper.trainer.optimizer.step = _step(stepper.trainer.optimizer, corrected=False)


@mutant(TRAINING, "torch", None, "optimizer", DECAY, "exp_avg")
def decay_in_the_gradient(stepper: Any) -> None:
    """Weight decay added to the gradient, where there should be none."""
    stepper.trainer.optimizer.param_groups[0]["weight_decay"] = 1e-4


@mutant(TRAINING, "jittor", None, "optimizer", DECAY, "weights")
def decay_of_adamw(stepper: Any) -> None:
    """AdamW's default decay of PyTorch, 0.01, where there should be none."""
    stepper.trainer.optimizer.step = _step(stepper.trainer.optimizer, decay=0.01)


@mutant(
    TRAINING, BOTH, None, "optimizer", WARM_UP, "weights",
    visible=lambda c: c.run.train.warmup_steps > 0,
)  # fmt: skip
def warm_up_off_by_one(stepper: Any) -> None:
    """The learning rate of the step after."""
    trainer = stepper.trainer
    update = trainer.optimizer.update
    trainer.optimizer.update = lambda loss, lr, clip: update(
        loss, learning_rate(trainer.step + 1, trainer.config.train), clip
    )


@mutant(
    TRAINING, "torch", None, "optimizer", BY_VALUE, "exp_avg",
    visible=lambda c: c.clips_gradients,
)  # fmt: skip
def clipped_by_value(stepper: Any) -> None:
    """Gradients clipped one by one and not by their norm."""
    optimizer = stepper.trainer.optimizer

    def update(loss: Any, lr: float, clip_norm: float) -> None:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(optimizer.named_parameters.values(), clip_norm / 10)
        optimizer.step()

    optimizer.update = update


@mutant(
    TRAINING, "jittor", None, "optimizer", UNREPORTED, "exp_avg",
    visible=lambda c: c.clips_gradients,
)  # fmt: skip
def clipped_harder(stepper: Any) -> None:
    """The norm clipped at a tenth."""
    optimizer = stepper.trainer.optimizer
    update = optimizer.update
    optimizer.update = lambda loss, lr, clip: update(loss, lr, clip / 10)
