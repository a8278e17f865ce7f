"""By how much one-ulp changes of outputs move the gradient of a loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity.limits import FLOAT32_EPSILON
from parity.steps.frameworks.torch_loop import TorchLoop
from parity.steps.loop.cotangent_spread import spread_of_cotangents
from parity.steps.step_data import Call, TrainingStep

VALUES = np.array([3.0, -1.0, 0.5, 2.0], np.float32)


def spread_of(loss_of: object) -> dict[tuple[int, str], float] | None:
    output = torch.from_numpy(VALUES.copy()).requires_grad_()
    step = TrainingStep(0, calls=[Call("", 0, True, outputs={"": VALUES})])
    loss = loss_of(output)  # type: ignore[operator]
    return spread_of_cotangents(TorchLoop({}), step, loss, {(0, ""): output})


def test_of_a_mean_of_squares_it_is_two_ulps_of_the_largest_output_by_their_number() -> None:
    # The gradient is 2 x / 4, and x moves by one ulp: 3 * epsilon at most.
    assert spread_of(lambda x: x.square().mean()) == {
        (0, ""): pytest.approx(2 / 4 * 3 * FLOAT32_EPSILON)
    }


def test_of_a_linear_loss_it_is_zero() -> None:
    assert spread_of(lambda x: (3 * x).sum()) == {(0, ""): 0.0}


def test_near_a_minimum_it_is_as_large_as_far_from_it() -> None:
    """The gradient is small there, and its rounding is not."""
    target = torch.from_numpy(VALUES.copy()) * (1 + 1e-6)
    assert spread_of(lambda x: (x - target).square().mean()) == {
        (0, ""): pytest.approx(2 / 4 * 3 * FLOAT32_EPSILON)
    }


class Once(torch.autograd.Function):
    """Cannot be differentiated twice."""

    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        return x.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        return gradient.expand(4)


def test_it_is_unknown_where_there_is_no_second_derivative() -> None:
    assert spread_of(lambda x: Once.apply(x).square()) is None


def test_it_is_unknown_of_several_losses() -> None:
    assert spread_of(lambda x: x.square()) is None
