"""The moving average against its closed form."""

import pytest
import torch
from torch import nn

from impl_torch.ema import EMA
from tests.impl_torch.oracles import error, random_arrays

SHAPES = {"weight": (2, 3), "bias": (2,)}


def load(model, arrays):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(arrays[name]))


def model_of(arrays):
    model = nn.Linear(3, 2).double()
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
        assert not ema.average[name].requires_grad
    ema.update(model)
    assert all(not average.requires_grad for average in ema.average.values())


def test_copy_to_overwrites_the_weights_and_shares_nothing():
    model = model_of(random_arrays(SHAPES, seed=0))
    ema = EMA(model, 0.5)
    load(model, random_arrays(SHAPES, seed=1))
    ema.copy_to(model)
    for name, value in random_arrays(SHAPES, seed=0).items():
        assert error(dict(model.named_parameters())[name].detach().numpy(), value) == 0
    load(model, random_arrays(SHAPES, seed=2))
    ema.update(model)
    for name, parameter in model.named_parameters():
        assert error(parameter.detach().numpy(), random_arrays(SHAPES, seed=2)[name]) == 0
