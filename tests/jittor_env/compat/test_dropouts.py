"""Dropout of elements and of channels: PyTorch's function of the same random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torch import nn

from jittor_env.compat import dropouts as dropout
from tests.jittor_env.compat.comparison import agrees, compared, jt, normal, precision

SHAPES = {
    "Dropout": (4, 6),
    "Dropout1d": (2, 3, 5),
    "Dropout2d": (2, 3, 4, 5),
    "Dropout3d": (2, 3, 2, 3, 2),
    "AlphaDropout": (4, 6),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("rate", [0.3, 1.0])
def test_a_layer_agrees_with_pytorchs(name: str, rate: float) -> None:
    report = compared(
        lambda: getattr(nn, name)(rate),
        lambda: getattr(dropout, name)(rate),
        normal(*SHAPES[name]),
        stress_inputs=("plain", "large magnitude"),
    )
    assert agrees(report), str(report)
    assert not any(f.verdict.name == "ABSTAIN" for f in report.findings)


def test_another_rate_is_found() -> None:
    report = compared(lambda: nn.Dropout2d(0.3), lambda: dropout.Dropout2d(0.4), normal(2, 9, 4, 5))
    assert not report.passed


@pytest.mark.parametrize("name", SHAPES)
def test_a_new_layer_drops_and_one_in_evaluation_does_not(name: str) -> None:
    x = jt.ones((2, 64, *SHAPES[name][2:]))
    layer = getattr(dropout, name)(0.5)
    assert (layer(x).numpy() != 1).any()
    layer.eval()
    np.testing.assert_array_equal(layer(x).numpy(), x.numpy())


def test_jittors_own_new_layer_does_not_drop() -> None:
    np.testing.assert_array_equal(jt.nn.Dropout(0.5)(jt.ones(64)).numpy(), 1)


def test_kept_elements_have_all_digits_in_float64() -> None:
    with precision("float64"):
        x = jt.ones((64, 8), "float64")
        kept = dropout.Dropout(0.3)(x).numpy().max()
        own = jt.nn.Dropout(0.3, is_train=True)(x).numpy().max()
    assert kept == 1 / 0.7
    assert own != 1 / 0.7


@pytest.mark.parametrize("name", ["Dropout1d", "Dropout2d", "Dropout3d"])
def test_channels_are_dropped_as_a_whole(name: str) -> None:
    x = jt.ones((4, 16, *SHAPES[name][2:]))
    y = getattr(dropout, name)(0.5)(x).numpy().reshape(64, -1)
    assert (y == y[:, :1]).all()
    assert set(np.unique(y)) == {0, 2}


def test_the_share_of_the_dropped_is_the_rate() -> None:
    y = dropout.dropout(jt.ones(100_000), 0.3).numpy()
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 100_000)


def test_what_pytorch_refuses_is_refused() -> None:
    for rate in (-0.1, 1.5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            dropout.Dropout(rate)
        with pytest.raises(ValueError, match="between 0 and 1"):
            dropout.dropout(jt.ones(2), rate)
    with pytest.raises(RuntimeError, match="expected 3D or 4D"):
        dropout.dropout2d(jt.ones((2, 3)))
    integers: Any = jt.ones(3, "int32")
    with pytest.raises(RuntimeError, match="not implemented for int32"):
        dropout.dropout(integers)
