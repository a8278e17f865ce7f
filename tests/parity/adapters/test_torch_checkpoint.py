"""Inside the block nothing is computed twice; outside it, checkpointing is PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from parity.adapters.torch_checkpoint import without_checkpointing


def count_calls(reentrant: bool) -> int:
    calls = 0

    def function(x: torch.Tensor, *, scale: float = 2.0) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return torch.sin(x) * scale

    x = torch.ones(3, requires_grad=True)
    checkpoint(function, x, use_reentrant=reentrant).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 2 * torch.cos(torch.ones(3)))
    return calls


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_function_is_called_once_inside_and_twice_outside(reentrant: bool) -> None:
    assert count_calls(reentrant) == 2
    with without_checkpointing():
        assert count_calls(reentrant) == 1
    assert count_calls(reentrant) == 2


def test_it_is_put_back_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), without_checkpointing():
        raise ZeroDivisionError
    assert count_calls(reentrant=True) == count_calls(reentrant=False) == 2


def test_keyword_arguments_and_sequences_are_passed_on() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    layers = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    with without_checkpointing():
        scaled = checkpoint(lambda x, scale: x * scale, x, scale=3, use_reentrant=False)
        in_parts = checkpoint_sequential(layers, 2, x, use_reentrant=False)
    torch.testing.assert_close(scaled, 3 * x)
    torch.testing.assert_close(in_parts, layers(x))
