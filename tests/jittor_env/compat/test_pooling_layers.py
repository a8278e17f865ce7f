"""Pooling layers pass their options on, and agree with PyTorch's in the harness."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from jittor_env.compat import pooling_layers
from tests.jittor_env.compat.comparison import agrees, compared, jt, normal

# The name, arguments by position as PyTorch has them, and the input.
LAYERS: dict[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "MaxPool1d": ((3, 2, 1, 1, False, True), (2, 3, 8)),
    "MaxPool2d": ((3, 2, 1, 1, False, True), (2, 3, 8, 6)),
    "AvgPool2d": ((3, 2, 1, True, False), (2, 3, 8, 6)),
    "AvgPool3d": ((2, 2, 1, True, False), (2, 3, 5, 5, 5)),
    "AdaptiveAvgPool2d": (((4, None),), (2, 3, 10, 5)),
    "AdaptiveMaxPool2d": ((3,), (2, 3, 10, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_agrees_with_pytorchs(name: str) -> None:
    arguments, shape = LAYERS[name]
    report = compared(
        lambda: getattr(nn, name)(*arguments),
        lambda: getattr(pooling_layers, name)(*arguments),
        normal(*shape),
    )
    assert agrees(report), str(report)


@pytest.mark.parametrize("name", ["AvgPool2d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"])
def test_jittors_own_layer_does_not(name: str) -> None:
    arguments, shape = LAYERS[name]
    report = compared(
        lambda: getattr(nn, name)(*arguments),
        lambda: getattr(jt.nn, name)(*arguments),
        normal(*shape),
        stress_inputs=("plain",),
    )
    assert not report.passed


def test_a_layer_shows_its_options() -> None:
    assert "kernel_size=3" in str(pooling_layers.MaxPool2d(3))
