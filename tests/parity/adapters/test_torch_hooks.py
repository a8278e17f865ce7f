"""Hooks on strangers' modules: decorators that look at keywords, functions that run twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Verdict, check
from parity.adapters.torch_hooks import hooked_forward


def reads_keywords(function: Callable[..., Any]) -> Callable[..., Any]:
    """Take an option from the keywords, as transformers' decorators do."""

    @wraps(function)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("double", False)
        return function(self, *args, **kwargs)

    return wrapper


class Decorated(nn.Linear):
    @reads_keywords
    def forward(self, x: torch.Tensor, double: bool = True) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x) * (2 if double else 1)


class Net(nn.Module):
    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.layer, self.scale = Decorated(3, 3), scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(self.layer(x), double=True) * self.scale


class Recomputed(torch.autograd.Function):
    """Checkpointing by hand: runs a function without a graph, and again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, run: Any, x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        ctx.run, ctx.x, ctx.parameters = run, x.detach(), parameters
        with torch.no_grad():
            return run(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:  # type: ignore[override]
        x = ctx.x.requires_grad_(True)
        with torch.enable_grad():
            output = ctx.run(x)
        return (None, *torch.autograd.grad(output, [x, *ctx.parameters], gradient))


class Block(nn.Module):
    def __init__(self, *, recomputed: bool, scale: float = 1.0) -> None:
        super().__init__()
        self.a, self.b, self.recomputed, self.scale = (
            nn.Linear(3, 3),
            nn.Linear(3, 3),
            recomputed,
            scale,
        )

    def run(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x))) * self.scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.recomputed:
            return x + Recomputed.apply(self.run, x, *self.parameters())
        return x + self.run(x)


def verdict(reference: Callable[[], Any], candidate: Callable[[], Any]) -> Verdict:
    pair = Pair(
        name="mine", reference=reference, candidate=candidate,
        inputs=lambda g: {"x": g.standard_normal((4, 3)).astype(np.float32)},
    )  # fmt: skip
    return check(pair).verdict


def test_arguments_keep_their_form() -> None:
    assert verdict(Net, Net) is Verdict.IDENTICAL
    assert verdict(Net, lambda: Net(1.001)) is Verdict.SEMANTIC_DIFFERENCE


@pytest.mark.parametrize("recomputed", [(True, True), (True, False), (False, True)])
def test_handwritten_checkpointing_is_compared(recomputed: tuple[bool, bool]) -> None:
    one, other = recomputed
    assert verdict(lambda: Block(recomputed=one), lambda: Block(recomputed=other)).passes()
    assert (
        verdict(lambda: Block(recomputed=one), lambda: Block(recomputed=other, scale=1.001))
        is Verdict.SEMANTIC_DIFFERENCE
    )


def test_nothing_is_left_on_the_modules() -> None:
    apply = vars(torch.autograd.Function)["apply"]
    net = Net()

    def fail_inside() -> None:
        with hooked_forward(dict(net.named_modules()), lambda *_: {}, print):
            assert "forward" in vars(net.layer)
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert "forward" not in vars(net)
    assert "forward" not in vars(net.layer)
    assert vars(torch.autograd.Function)["apply"] is apply
