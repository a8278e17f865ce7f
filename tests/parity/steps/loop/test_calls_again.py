"""Random numbers of a call that is made again."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from parity.adapters.torch_adapter import TorchAdapter
from parity.steps.frameworks.torch_loop import TorchLoop
from parity.steps.loop.calls_again import CallsAgain
from parity.steps.loop.watched_model import LiveCall

NORMAL = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_numbers_come_in_their_order_and_only_where_kind_and_shape_fit() -> None:
    adapter, loop = TorchAdapter(nn.Dropout(0.5)), TorchLoop({})
    again, live = CallsAgain(loop), LiveCall(adapter, (), {})
    live.draws = [("normal", NORMAL), ("uniform", NORMAL), ("normal", NORMAL)]

    class Listener:
        def draw(self, family: str, result: torch.Tensor) -> torch.Tensor:
            return again.draw(family, result)

    loop._listener = Listener()  # type: ignore[assignment]
    assert not again.is_active
    with again.of(adapter, live):
        assert again.is_active
        torch.testing.assert_close(torch.randn(2, 3), torch.from_numpy(NORMAL))
        assert torch.randn(2, 3).max() < 5  # the record has uniform numbers there
        assert torch.randn(3, 3).shape == (3, 3)  # and another shape there
        assert torch.randn(2, 3).max() < 5  # and nothing more
    assert not again.is_active


def test_dropout_drops_what_it_dropped() -> None:
    adapter, loop = TorchAdapter(nn.Dropout(0.5)), TorchLoop({})
    again, live = CallsAgain(loop), LiveCall(adapter, (), {})
    live.dropout = [np.array([0.0, 0.9, 0.0, 0.9], np.float32)]
    loop._listener = None  # type: ignore[assignment]
    with again.of(adapter, live):
        kept = adapter.module(torch.ones(4))
    assert kept.tolist() == [0.0, 2.0, 0.0, 2.0]


def test_numpy_and_python_start_from_where_they_were() -> None:
    adapter, loop = TorchAdapter(nn.Dropout(0.5)), TorchLoop({})
    again, live = CallsAgain(loop), LiveCall(adapter, (), {})
    expected = np.random.random(), random.random()
    loop._listener = None  # type: ignore[assignment]
    for _ in range(2):
        with again.of(adapter, live):
            assert (np.random.random(), random.random()) == expected
