"""Embedding agrees with PyTorch's in the harness, where Jittor's own does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from jittor_env.compat import embeddings as embedding
from tests.jittor_env.compat.comparison import agrees, compared, jt


def inputs(rng: np.random.Generator) -> Any:
    return rng.integers(0, 6, (4, 5))


@pytest.mark.parametrize("padding", [None, 2, -1])
def test_the_layer_agrees_with_pytorchs(padding: int | None) -> None:
    report = compared(
        lambda: nn.Embedding(6, 3, padding_idx=padding),
        lambda: embedding.Embedding(6, 3, padding_idx=padding),
        inputs,
    )
    assert agrees(report), str(report)


def test_jittors_own_trains_the_padding() -> None:
    report = compared(
        lambda: nn.Embedding(6, 3, padding_idx=2),
        lambda: jt.nn.Embedding(6, 3, padding_idx=2),
        inputs,
    )
    assert not report.passed


def test_the_row_of_the_padding_is_zero_at_first_and_stays_so_in_training() -> None:
    layer = embedding.Embedding(6, 3, padding_idx=-1)
    optimizer = jt.nn.SGD(layer.parameters(), 0.1)
    before = layer.weight.numpy().copy()
    assert not before[5].any()
    optimizer.step(layer(jt.array(np.array([1, 5]))).sqr().sum())
    assert not layer.weight.numpy()[5].any()
    assert (layer.weight.numpy()[1] != before[1]).all()


def test_a_table_is_taken_over() -> None:
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    expected = nn.Embedding.from_pretrained(torch.from_numpy(table))
    layer = embedding.Embedding.from_pretrained(jt.array(table))
    indices = np.array([[2, 0]])
    np.testing.assert_array_equal(
        layer(jt.array(indices)).numpy(), expected(torch.from_numpy(indices)).numpy()
    )
    assert layer.weight.is_stop_grad()
    assert not embedding.Embedding.from_pretrained(jt.array(table), False).weight.is_stop_grad()


def test_what_pytorch_refuses_is_refused() -> None:
    layer = embedding.Embedding(6, 3)
    for wrong in (6, -1):
        with pytest.raises(IndexError, match=f"index {wrong} is out of range"):
            layer(jt.array(np.array([0, wrong])))
    with pytest.raises(RuntimeError, match="expects integers"):
        layer(jt.ones(2))
    with pytest.raises(ValueError, match="padding_idx=6"):
        embedding.Embedding(6, 3, padding_idx=6)
