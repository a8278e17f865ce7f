"""A float32 constant in the gradient of the loss, as Jittor's own mean has it."""

import jittor as jt
import numpy as np
import pytest

from impl_jittor import diffusion as under_test
from impl_jittor.diffusion import GaussianDiffusion
from tests.implementations import oracles
from tests.implementations.oracles import DIFFUSIONS

SHAPE = (4, 3, 5, 5)
pytestmark = pytest.mark.usefixtures("wide")


def slope_of_the_loss(x_0, noise, t):
    factor = jt.array(np.full((1, 1, 1, 1), 0.5))

    def model(x, timestep):
        return factor * x + timestep.float64().reshape(-1, 1, 1, 1)

    process = GaussianDiffusion(DIFFUSIONS["tiny"])
    slope = jt.grad(process.loss(model, *map(jt.array, (x_0, t, noise))), factor)
    assert str(slope.dtype) == "float64"
    return slope.item()


def test_a_loss_by_jittors_own_mean_is_seen(monkeypatch):
    x_0, noise = oracles.random_arrays({"x_0": SHAPE, "noise": SHAPE}, seed=1).values()
    t = np.array([0, 3, 50, 99])
    bar = oracles.schedule(DIFFUSIONS["tiny"])["alpha_bar"][t].reshape(-1, 1, 1, 1)
    x_t = np.sqrt(bar) * x_0 + np.sqrt(1 - bar) * noise
    expected = (2 * (0.5 * x_t + t.reshape(-1, 1, 1, 1) - noise) * x_t).mean()
    assert slope_of_the_loss(x_0, noise, t) == pytest.approx(expected, rel=1e-14)
    monkeypatch.setattr(under_test, "mean", lambda x: x.mean())
    assert slope_of_the_loss(x_0, noise, t) != pytest.approx(expected, rel=1e-10)
