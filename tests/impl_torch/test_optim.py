"""Warm-up against diffusers'."""

import pytest
import torch
from torch import nn

from ddpm.config import TrainConfig
from impl_torch.optim import learning_rate


def test_the_warm_up_is_that_of_diffusers():
    from diffusers.optimization import get_constant_schedule_with_warmup

    for warmup_steps in (0, 1, 7):
        config = TrainConfig(lr=4e-4, warmup_steps=warmup_steps)
        sgd = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.lr)
        expected = get_constant_schedule_with_warmup(sgd, num_warmup_steps=warmup_steps)
        for step in range(12):
            rate = learning_rate(step, config)
            assert rate == pytest.approx(expected.get_last_lr()[0], rel=4e-16, abs=0)
            sgd.step()
            expected.step()
