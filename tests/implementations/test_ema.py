"""The moving average against its closed form, on both sides."""

import pytest

from tests.implementations.oracles import error, random_arrays

SHAPES = {"weight": (2, 3), "bias": (2,)}
pytestmark = pytest.mark.usefixtures("exact_arrays")


def model_of(implementation, arrays):
    model = implementation.cast(implementation.nn.Linear(3, 2), "float64")
    implementation.load(model, arrays)
    return model


def average_of(implementation, ema):
    assert {implementation.dtype(average) for average in ema.average.values()} == {"float64"}
    return {name: implementation.numpy(average) for name, average in ema.average.items()}


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.9999])
def test_the_average_is_the_weighted_sum_of_all_weights(implementation, decay):
    history = [random_arrays(SHAPES, seed=n) for n in range(10)]
    model = model_of(implementation, history[0])
    ema = implementation.ema.EMA(model, decay)
    for weights in history[1:]:
        implementation.load(model, weights)
        ema.update(model)
    n = len(history) - 1
    actual = average_of(implementation, ema)
    for name in SHAPES:
        expected = decay**n * history[0][name]
        for k in range(1, n + 1):
            expected = expected + (1 - decay) * decay ** (n - k) * history[k][name]
        assert error(actual[name], expected) < 1e-14
        if decay:
            assert error(actual[name], history[-1][name]) > 1e-2


def test_the_average_is_a_copy_without_a_graph(implementation):
    first, second, third = (random_arrays(SHAPES, seed=n) for n in range(3))
    model = model_of(implementation, first)
    ema = implementation.ema.EMA(model, 0.5)
    implementation.load(model, second)
    for name, value in average_of(implementation, ema).items():
        assert error(value, first[name]) == 0
        assert not implementation.requires_grad(ema.average[name])
    ema.update(model)
    assert not any(map(implementation.requires_grad, ema.average.values()))
    assert all(map(implementation.requires_grad, model.parameters()))
    average = average_of(implementation, ema)
    implementation.load(model, third)
    for name, value in average_of(implementation, ema).items():
        assert error(value, average[name]) == 0
    ema.update(model)
    for name, value in implementation.arrays(model).items():
        assert error(value, third[name]) == 0
    for name, value in average_of(implementation, ema).items():
        assert error(value, (first[name] / 2 + second[name] / 2 + third[name]) / 2) < 1e-15
