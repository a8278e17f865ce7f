"""Adam against Jittor's own, and a step as Jittor's optimizers take it."""

import jittor as jt
import pytest

from ddpm.config import TrainConfig
from impl_jittor.optim import Adam
from tests.implementations import oracles
from tests.implementations.oracles import worst

SHAPES = {"first": (3, 4), "second": (5,)}
CONFIG = TrainConfig(lr=1e-2, epsilon=1e-8, clip_norm=1.0)
STEPS = 20
pytestmark = pytest.mark.usefixtures("wide")


def start():
    return oracles.random_arrays(SHAPES, seed=0)


class Parameters(jt.nn.Module):
    """Two parameters, float64."""

    def __init__(self):
        super().__init__()
        for name, value in start().items():
            setattr(self, name, jt.array(value))

    def loss_with_gradient(self, gradients):
        first, second = (
            (p * jt.array(gradients[name])).sum() for name, p in self.named_parameters()
        )
        return first + second

    def arrays(self):
        return {name: p.numpy() for name, p in self.named_parameters()}


def gradients_of(scale):
    draws = [oracles.random_arrays(SHAPES, seed=1 + n) for n in range(STEPS)]
    return [{name: scale * value for name, value in draw.items()} for draw in draws]


def test_jittors_own_adam_has_epsilon_hat_and_is_seen():
    gradients = gradients_of(1e-6)
    model = Parameters()
    own = jt.optim.Adam(model.parameters(), CONFIG.lr, eps=CONFIG.epsilon, betas=CONFIG.betas)
    for step in gradients:
        own.step(model.loss_with_gradient(step))
    given = start(), gradients, [CONFIG.lr] * STEPS, CONFIG
    assert worst(model.arrays(), oracles.adam(*given, epsilon_hat=True)) < 1e-6
    assert worst(model.arrays(), oracles.adam(*given)) > 1e-3


def test_a_step_alone_takes_a_loss_as_jittors_optimizers_do():
    gradient = gradients_of(0.01)[0]
    one, other = Parameters(), Parameters()
    Adam(one, CONFIG).step(one.loss_with_gradient(gradient))
    Adam(other, CONFIG).update(other.loss_with_gradient(gradient), CONFIG.lr, 1.0)
    assert oracles.same_bits(one.arrays(), other.arrays())
