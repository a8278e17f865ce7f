"""Adam, clipping and warm-up against NumPy."""

import jittor as jt
import numpy as np
import pytest
from jittor import nn

from ddpm.config import TrainConfig
from impl_jittor import optim as under_test
from impl_jittor.optim import Adam, clip_grad_norm, learning_rate
from tests.impl_torch import oracles
from tests.impl_torch.oracles import error, norm, worst

SHAPES = {"first": (3, 4), "second": (5,)}
CONFIG = TrainConfig(lr=1e-2, epsilon=1e-8, clip_norm=1.0)
STEPS = 20
TOLERANCE = 1e-13
pytestmark = pytest.mark.usefixtures("wide")


class Parameters(nn.Module):
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

    def numbers(self):
        return {name: p.numpy() for name, p in self.named_parameters()}


def start():
    return oracles.random_arrays(SHAPES, seed=0)


def gradients_of(scale):
    draws = [oracles.random_arrays(SHAPES, seed=1 + n) for n in range(STEPS)]
    return [{name: scale * value for name, value in draw.items()} for draw in draws]


def rates_of(config):
    return [learning_rate(n + 1, config) for n in range(STEPS)]


def trained(gradients, config=CONFIG):
    model = Parameters()
    optimizer = Adam(model, config)
    for step, rate in zip(gradients, rates_of(config), strict=True):
        optimizer.update(model.loss_with_gradient(step), rate, config.clip_norm)
    return model.numbers()


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("warmup_steps", [0, 10])
def test_twenty_clipped_steps_are_those_of_the_paper(scale, warmup_steps):
    config = TrainConfig(lr=1e-2, warmup_steps=warmup_steps, betas=(0.8, 0.99))
    gradients = gradients_of(scale)
    expected = oracles.adam(start(), gradients, rates_of(config), config)
    assert worst(trained(gradients, config), expected) < TOLERANCE


def test_epsilon_is_added_after_the_bias_correction():
    gradients = gradients_of(1e-6)
    given = start(), gradients, rates_of(CONFIG), CONFIG
    assert worst(trained(gradients), oracles.adam(*given)) < TOLERANCE
    assert worst(trained(gradients), oracles.adam(*given, epsilon_hat=True)) > 1e-3


def test_jittors_own_adam_has_epsilon_hat_and_is_seen():
    gradients = gradients_of(1e-6)
    model = Parameters()
    own = jt.optim.Adam(model.parameters(), CONFIG.lr, eps=CONFIG.epsilon, betas=CONFIG.betas)
    for step in gradients:
        own.step(model.loss_with_gradient(step))
    given = start(), gradients, rates_of(CONFIG), CONFIG
    assert worst(model.numbers(), oracles.adam(*given, epsilon_hat=True)) < 1e-6
    assert worst(model.numbers(), oracles.adam(*given)) > 1e-3


def test_a_gradient_that_is_not_clipped_is_seen(monkeypatch):
    gradients = gradients_of(1.0)
    gradients[3] = {name: 100 * value for name, value in gradients[3].items()}
    expected = oracles.adam(start(), gradients, rates_of(CONFIG), CONFIG)
    assert worst(trained(gradients), expected) < TOLERANCE
    monkeypatch.setattr(under_test, "clip_grad_norm", lambda *_: None)
    assert worst(trained(gradients), expected) > 1e-3


def test_gradients_do_not_add_up_over_steps():
    model, gradient = Parameters(), gradients_of(0.1)[0]
    optimizer = Adam(model, CONFIG)
    for _ in range(3):
        optimizer.update(model.loss_with_gradient(gradient), 1e-3, 1e9)
        for found, expected in zip(
            optimizer.param_groups[0]["grads"], gradient.values(), strict=True
        ):
            np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1.0, 1e6])
def test_clipping_scales_all_gradients_alike_and_returns_their_norm(scale):
    expected = gradients_of(scale)[0]
    gradients = [jt.array(gradient) for gradient in expected.values()]
    total = clip_grad_norm(gradients, 1.0)
    assert str(total.dtype) == "float64"
    assert total.item() == pytest.approx(norm(expected), rel=1e-14)
    factor = min(1.0, 1.0 / (norm(expected) + 1e-6))
    assert (factor == 1.0) == (scale < 1)
    for found, gradient in zip(gradients, expected.values(), strict=True):
        assert error(found.numpy(), factor * gradient) < 1e-14


def test_moments_are_live_named_and_zero_at_first():
    model = Parameters()
    optimizer = Adam(model, CONFIG)
    first, second = optimizer.moments("exp_avg"), optimizer.moments("exp_avg_sq")
    assert {name: tuple(m.shape) for name, m in first.items()} == SHAPES
    for moment in (*first.values(), *second.values()):
        assert str(moment.dtype) == "float64"
        assert (moment.numpy() == 0).all()
    gradient = gradients_of(0.01)[0]
    optimizer.update(model.loss_with_gradient(gradient), 1e-3, 1.0)
    for name, value in gradient.items():
        assert error(first[name].numpy(), (1 - 0.9) * value) < 1e-14
        assert error(second[name].numpy(), (1 - 0.999) * value**2) < 1e-14


def test_the_step_set_decides_the_bias_correction():
    gradient = gradients_of(0.01)[0]
    for done in (0, 5, 1000):
        model = Parameters()
        optimizer = Adam(model, CONFIG)
        optimizer.set_step(done)
        optimizer.update(model.loss_with_gradient(gradient), 1e-3, 1.0)
        n = done + 1
        for name, weight in model.numbers().items():
            mean = 0.1 * gradient[name] / (1 - 0.9**n)
            root = np.sqrt(0.001 * gradient[name] ** 2 / (1 - 0.999**n))
            expected = start()[name] - 1e-3 * mean / (root + 1e-8)
            assert error(weight, expected) < TOLERANCE


def test_a_step_alone_takes_a_loss_as_jittors_optimizers_do():
    gradient = gradients_of(0.01)[0]
    one, other = Parameters(), Parameters()
    Adam(one, CONFIG).step(one.loss_with_gradient(gradient))
    Adam(other, CONFIG).update(other.loss_with_gradient(gradient), CONFIG.lr, 1.0)
    assert oracles.same_bits(one.numbers(), other.numbers())


def test_the_rate_rises_from_0_to_lr_and_stays():
    config = TrainConfig(lr=1.0, warmup_steps=4)
    assert [learning_rate(n, config) for n in range(7)] == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert learning_rate(0, TrainConfig(lr=0.5)) == 0.5
    assert learning_rate(10**9, config) == 1
