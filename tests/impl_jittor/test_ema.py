"""The moving average against its closed form."""

import jittor as jt
import pytest
from jittor import nn

from impl_jittor.ema import EMA
from tests.impl_torch.oracles import error, random_arrays

SHAPES = {"weight": (2, 3), "bias": (2,)}
pytestmark = pytest.mark.usefixtures("wide")


def load(model, arrays):
    for name, parameter in model.named_parameters():
        parameter.update(jt.array(arrays[name]))


def model_of(arrays):
    model = nn.Linear(3, 2).float64()
    load(model, arrays)
    return model


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.9999])
def test_the_average_is_the_weighted_sum_of_all_weights(decay):
    history = [random_arrays(SHAPES, seed=n) for n in range(10)]
    model = model_of(history[0])
    ema = EMA(model, decay)
    for weights in history[1:]:
        load(model, weights)
        ema.update(model)
    n = len(history) - 1
    for name in SHAPES:
        expected = decay**n * history[0][name]
        for k in range(1, n + 1):
            expected = expected + (1 - decay) * decay ** (n - k) * history[k][name]
        assert str(ema.average[name].dtype) == "float64"
        actual = ema.average[name].numpy()
        assert error(actual, expected) < 1e-14
        if decay:
            assert error(actual, history[-1][name]) > 1e-2


def test_the_average_is_a_copy_without_a_graph():
    model = model_of(random_arrays(SHAPES, seed=0))
    ema = EMA(model, 0.5)
    load(model, random_arrays(SHAPES, seed=1))
    for name, value in random_arrays(SHAPES, seed=0).items():
        assert error(ema.average[name].numpy(), value) == 0
        assert ema.average[name].is_stop_grad()
    ema.update(model)
    assert all(average.is_stop_grad() for average in ema.average.values())
    assert not any(parameter.is_stop_grad() for parameter in model.parameters())


def test_copy_to_overwrites_the_weights_and_shares_nothing():
    model = model_of(random_arrays(SHAPES, seed=0))
    ema = EMA(model, 0.5)
    load(model, random_arrays(SHAPES, seed=1))
    ema.copy_to(model)
    for name, value in random_arrays(SHAPES, seed=0).items():
        assert error(dict(model.named_parameters())[name].numpy(), value) == 0
    assert not any(parameter.is_stop_grad() for parameter in model.parameters())
    load(model, random_arrays(SHAPES, seed=2))
    ema.update(model)
    for name, parameter in model.named_parameters():
        assert error(parameter.numpy(), random_arrays(SHAPES, seed=2)[name]) == 0
        average = (random_arrays(SHAPES, seed=0)[name] + random_arrays(SHAPES, seed=2)[name]) / 2
        assert error(ema.average[name].numpy(), average) < 1e-15
