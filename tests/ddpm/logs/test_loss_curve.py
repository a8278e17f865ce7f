"""The loss curve's picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm.logs import loss_curve

STEPS = np.arange(400)
BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # tab:blue, tab:orange


def count(path, colour):
    pixels = np.asarray(Image.open(path).convert("RGB"))
    return int((pixels == colour).all(axis=-1).sum())


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.integers(1, 40))
def test_smoothing_is_a_mean_of_neighbours(losses, window):
    got = loss_curve.smoothed(np.array(losses), window)
    assert len(got) == len(losses)
    assert min(losses) - 1e-9 <= got.min()
    assert got.max() <= max(losses) + 1e-9


def test_smoothing_by_hand():
    losses = np.array([1.0, 2.0, 6.0, 3.0])
    np.testing.assert_allclose(loss_curve.smoothed(losses, 3), [1.5, 3.0, 11 / 3, 4.5])
    np.testing.assert_allclose(loss_curve.smoothed(losses, 1), losses)
    losses[2] = np.inf
    np.testing.assert_allclose(loss_curve.smoothed(losses, 3), [1.5, 1.5, 2.5, 3.0])
    np.testing.assert_allclose(loss_curve.smoothed(losses, 1), [1.0, 2.0, np.nan, 3.0])


def test_both_curves_are_seen_in_their_colours(tmp_path):
    path = loss_curve.path_for("mnist", tmp_path)
    assert path == tmp_path / "loss_curve_mnist.png"
    low, high = (STEPS, np.full(400, 0.1)), (STEPS, np.full(400, 0.2))
    loss_curve.save_loss_curve({"train PyTorch, seed 1": low, "train Jittor": high}, path)
    assert count(path, BLUE) > 300
    assert count(path, ORANGE) > 300


def test_equal_curves_do_not_hide_each_other(tmp_path):
    curve = STEPS, np.full(400, 0.1)
    loss_curve.save_loss_curve({"PyTorch": curve, "Jittor": curve}, tmp_path / "x.png")
    assert count(tmp_path / "x.png", BLUE) > 300
    assert count(tmp_path / "x.png", ORANGE) > 300


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0])
def test_losses_that_no_logarithm_takes_are_drawn_all_the_same(tmp_path, value):
    losses = np.full(400, 0.1)
    losses[200] = value
    loss_curve.save_loss_curve({"torch": (STEPS, losses)}, tmp_path / "x.png")
    assert count(tmp_path / "x.png", BLUE) > 300


def test_nothing_to_draw_is_refused(tmp_path, refuses, listing):
    with refuses("no loss curve to draw"):
        loss_curve.save_loss_curve({}, tmp_path / "x.png")
    empty = np.array([], np.int64), np.array([])
    with refuses("the log of jittor has no steps yet"):
        loss_curve.save_loss_curve({"jittor": empty}, tmp_path / "x.png")
    assert listing(tmp_path) == set()
