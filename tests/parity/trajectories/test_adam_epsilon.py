"""Adam's epsilon before the bias correction, against the formula in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair
from parity.trajectories.adam_epsilon import with_epsilon_before_correction

RATE, BETA1, BETA2, EPSILON = 0.1, 0.9, 0.999, 0.01


def test_the_steps_are_those_of_epsilon_hat() -> None:
    """Kingma and Ba 2015, section 2: theta -= alpha_t * m / (sqrt(v) + epsilon hat)."""
    pair = with_epsilon_before_correction(
        Pair(
            name="x", reference=nn.Identity, candidate=nn.Identity, inputs=lambda rng: (),
            optimizer={"torch": lambda p: torch.optim.Adam(p, RATE, (BETA1, BETA2), EPSILON)},
        )
    )  # fmt: skip
    weight = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = pair.optimizer_for("torch")([weight])
    expected, m, v = np.array([1.0, -2.0]), np.zeros(2), np.zeros(2)
    for step in range(1, 4):
        gradient = np.array([0.3, -0.02]) * step
        weight.grad = torch.from_numpy(gradient)
        optimizer.step()
        m, v = BETA1 * m + (1 - BETA1) * gradient, BETA2 * v + (1 - BETA2) * gradient**2
        rate = RATE * np.sqrt(1 - BETA2**step) / (1 - BETA1**step)
        expected = expected - rate * m / (np.sqrt(v) + EPSILON)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-12)


def test_an_optimizer_without_an_epsilon_is_refused() -> None:
    pair = with_epsilon_before_correction(
        Pair(
            name="x", reference=nn.Identity, candidate=nn.Identity, inputs=lambda rng: (),
            optimizer={"torch": lambda p: torch.optim.SGD(p, lr=0.1)},
        )
    )  # fmt: skip
    with pytest.raises(KeyError, match="eps"):
        pair.optimizer_for("torch")([torch.zeros(1, requires_grad=True)])
