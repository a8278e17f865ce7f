"""Float32 constants in a float64 network, as Jittor takes Python's numbers, and its own flag."""

import dataclasses
import math

import jittor as jt
import numpy as np
import pytest

from impl_jittor import operators
from impl_jittor import unet as under_test
from impl_jittor.unet import TimeEmbedding, UNet
from tests.implementations import oracles
from tests.implementations.oracles import SMALL, error

CERTAIN = dataclasses.replace(SMALL, dropout=0.0)
pytestmark = pytest.mark.usefixtures("wide")


def load(model, weights):
    for name, parameter in model.named_parameters():
        parameter.update(jt.array64(weights[name]).cast(parameter.dtype))
    jt.sync_all()


def gradient_error():
    """The relative error of the gradient to finite differences, along a random direction."""
    model = UNet(CERTAIN).float64().train()
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    start, along = oracles.off_zero(shapes, 0), oracles.random_arrays(shapes, 4)
    load(model, start)
    draws = oracles.random_arrays(dict.fromkeys(("x", "noise"), (3, 1, 8, 8)), 3)
    x, noise = draws["x"], draws["noise"]  # 1 / (3 * 64) is not exact
    timestep = np.array([0, 999, 37])

    def loss():
        difference = model(jt.array(x), jt.array(timestep)) - jt.array(noise)
        return operators.mean(difference.sqr())

    def at(weights):
        load(model, weights)
        with jt.no_grad():
            return loss().item()

    named = dict(model.named_parameters())
    found = jt.grad(loss(), list(named.values()))
    assert {str(gradient.dtype) for gradient in found} == {"float64"}
    slope = math.fsum(
        float((gradient.numpy() * along[name]).sum())
        for name, gradient in zip(named, found, strict=True)
    )
    expected = oracles.derivative(at, start, along, 1e-4)
    return abs(slope - expected) / abs(expected)


def test_a_float32_constant_on_the_way_is_seen(monkeypatch):
    assert gradient_error() < 1e-10
    monkeypatch.setattr(operators, "mean", lambda x: x.mean())
    assert gradient_error() > 1e-9


@pytest.mark.parametrize("channels", [8, 32, 128])
@pytest.mark.parametrize("converts", [0, 1])
def test_sinusoids_are_those_of_high_precision(channels, converts):
    timestep = np.array([0, 1, 2, 10, 99, 500, 999])
    with jt.flag_scope(auto_convert_64_to_32=converts):
        actual = TimeEmbedding(channels, 4).sinusoids(jt.array(timestep))
    assert str(actual.dtype) == "float64"
    # A phase of 999 rad, rounded to float64, is known to 1e-13.
    assert error(actual.numpy(), oracles.sinusoids(timestep, channels)) < 5e-13


def test_a_frequency_in_float32_is_seen(monkeypatch):
    timestep = np.array([999])
    monkeypatch.setattr(under_test, "constant", lambda value, like: jt.array(np.float32(value)))
    actual = TimeEmbedding(32, 4).sinusoids(jt.array(timestep)).numpy()
    assert error(actual, oracles.sinusoids(timestep, 32)) > 1e-9
