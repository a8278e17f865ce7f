"""Adam, clipping and warm-up against NumPy, on both sides."""

import math

import numpy as np
import pytest

from ddpm.config import TrainConfig
from tests.implementations import oracles
from tests.implementations.oracles import error, norm, worst

SHAPES = {"first": (3, 4), "second": (5,)}
CONFIG = TrainConfig(lr=1e-2, epsilon=1e-8, clip_norm=1.0)
STEPS = 20
TOLERANCE = 1e-13
pytestmark = pytest.mark.usefixtures("exact_arrays")


def start():
    return oracles.random_arrays(SHAPES, seed=0)


def loss_with_gradient(implementation, model, gradients):
    """A scalar whose gradient with respect to each parameter is the given array."""
    first, second = (
        (p * implementation.tensor(gradients[name])).sum() for name, p in model.named_parameters()
    )
    return first + second


def gradients_of(scale):
    draws = [oracles.random_arrays(SHAPES, seed=1 + n) for n in range(STEPS)]
    return [{name: scale * value for name, value in draw.items()} for draw in draws]


def rates_of(implementation, config):
    return [implementation.optim.learning_rate(n + 1, config) for n in range(STEPS)]


def update(implementation, optimizer, model, gradients, rate, clip_norm):
    optimizer.update(loss_with_gradient(implementation, model, gradients), rate, clip_norm)


def trained(implementation, gradients, config=CONFIG):
    model = implementation.model(start())
    optimizer = implementation.optim.Adam(model, config)
    for step, rate in zip(gradients, rates_of(implementation, config), strict=True):
        update(implementation, optimizer, model, step, rate, config.clip_norm)
    return implementation.arrays(model)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("warmup_steps", [0, 10])
def test_twenty_clipped_steps_are_those_of_the_paper(implementation, scale, warmup_steps):
    config = TrainConfig(lr=1e-2, warmup_steps=warmup_steps, betas=(0.8, 0.99))
    gradients = gradients_of(scale)
    expected = oracles.adam(start(), gradients, rates_of(implementation, config), config)
    assert worst(trained(implementation, gradients, config), expected) < TOLERANCE


def test_epsilon_is_added_after_the_bias_correction(implementation):
    gradients = gradients_of(1e-6)
    given = start(), gradients, rates_of(implementation, CONFIG), CONFIG
    weights = trained(implementation, gradients)
    assert worst(weights, oracles.adam(*given)) < TOLERANCE
    assert worst(weights, oracles.adam(*given, epsilon_hat=True)) > 1e-3


def test_a_gradient_that_is_not_clipped_is_seen(implementation, monkeypatch):
    gradients = gradients_of(1.0)
    gradients[3] = {name: 100 * value for name, value in gradients[3].items()}
    expected = oracles.adam(start(), gradients, rates_of(implementation, CONFIG), CONFIG)
    assert worst(trained(implementation, gradients), expected) < TOLERANCE
    monkeypatch.setattr(implementation.optim, "clip_grad_norm", lambda *_: None)
    assert worst(trained(implementation, gradients), expected) > 1e-3


def test_gradients_do_not_add_up_over_steps(implementation):
    model, gradient = implementation.model(start()), gradients_of(0.1)[0]
    optimizer = implementation.optim.Adam(model, CONFIG)
    for _ in range(3):
        update(implementation, optimizer, model, gradient, 1e-3, 1e9)
        used = implementation.gradients_in_use(optimizer)
        for actual, expected in zip(used, gradient.values(), strict=True):
            np.testing.assert_array_equal(implementation.numpy(actual), expected)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1.0, 1e6])
def test_clipping_scales_all_gradients_alike_and_returns_their_norm(implementation, scale):
    gradients = gradients_of(scale)[0]
    argument, scaled = implementation.with_gradients(list(gradients.values()))
    total = implementation.optim.clip_grad_norm(argument, 1.0)
    assert implementation.dtype(total) == "float64"
    assert total.item() == pytest.approx(norm(gradients), rel=1e-14)
    factor = min(1.0, 1.0 / (norm(gradients) + 1e-6))
    assert (factor == 1.0) == (scale < 1)
    for actual, gradient in zip(scaled, gradients.values(), strict=True):
        assert error(implementation.numpy(actual), factor * gradient) < 1e-14


def test_moments_are_live_named_and_zero_at_first(implementation):
    model = implementation.model(start())
    optimizer = implementation.optim.Adam(model, CONFIG)
    first, second = optimizer.moments("exp_avg"), optimizer.moments("exp_avg_sq")
    assert {name: tuple(m.shape) for name, m in first.items()} == SHAPES
    for moment in (*first.values(), *second.values()):
        assert implementation.dtype(moment) == "float64"
        assert (implementation.numpy(moment) == 0).all()
    gradient = gradients_of(0.01)[0]
    update(implementation, optimizer, model, gradient, 1e-3, 1.0)
    for name, value in gradient.items():
        assert error(implementation.numpy(first[name]), (1 - 0.9) * value) < 1e-14
        assert error(implementation.numpy(second[name]), (1 - 0.999) * value**2) < 1e-14


def test_the_step_set_decides_the_bias_correction(implementation):
    gradient = gradients_of(0.01)[0]
    for done in (0, 5, 1000):
        model = implementation.model(start())
        optimizer = implementation.optim.Adam(model, CONFIG)
        optimizer.set_step(done)
        update(implementation, optimizer, model, gradient, 1e-3, 1.0)
        n = done + 1
        for name, weight in implementation.arrays(model).items():
            mean = 0.1 * gradient[name] / (1 - 0.9**n)
            root = np.sqrt(0.001 * gradient[name] ** 2 / (1 - 0.999**n))
            expected = start()[name] - 1e-3 * mean / (root + 1e-8)
            assert error(weight, expected) < TOLERANCE


def test_the_rate_rises_from_0_to_lr_and_stays(implementation):
    learning_rate = implementation.optim.learning_rate
    config = TrainConfig(lr=1.0, warmup_steps=4)
    assert [learning_rate(n, config) for n in range(7)] == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert learning_rate(0, TrainConfig(lr=0.5)) == 0.5
    assert learning_rate(10**9, config) == 1
    assert math.isfinite(learning_rate(10**9, config))
