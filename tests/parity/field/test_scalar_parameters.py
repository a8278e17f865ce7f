"""A learned scale or temperature, which one framework keeps as a number and another as a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Report, Verdict, check


class Scaled(nn.Module):
    def __init__(self, shape: tuple[int, ...], factor: float = 1.0, *, is_buffer: bool = False):
        super().__init__()
        self.layer, self.factor = nn.Linear(3, 3), factor
        scale = torch.full(shape, 0.7)
        if is_buffer:
            self.register_buffer("scale", scale)
        else:
            self.scale = nn.Parameter(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * self.scale.exp() * self.factor


def report(reference: Any, candidate: Any, **options: Any) -> Report:
    pair = Pair(
        name="scaled", reference=reference, candidate=candidate,
        inputs=lambda g: {"x": g.standard_normal((4, 3)).astype(np.float32)}, **options,
    )  # fmt: skip
    return check(pair)


@pytest.mark.parametrize("is_buffer", [False, True])
@pytest.mark.parametrize("shapes", [((), (1,)), ((1,), ()), ((), ())])
def test_a_scalar_and_a_vector_of_one_are_alike(shapes: Any, is_buffer: bool) -> None:
    one, other = shapes
    agreed = report(
        lambda: Scaled(one, is_buffer=is_buffer), lambda: Scaled(other, is_buffer=is_buffer)
    )
    assert agreed.passed, str(agreed)
    wrong = report(
        lambda: Scaled(one, is_buffer=is_buffer),
        lambda: Scaled(other, 1 + 1e-9, is_buffer=is_buffer),
    )
    assert wrong.verdict is Verdict.SEMANTIC_DIFFERENCE


def test_it_is_trained_and_renamed() -> None:
    class Other(Scaled):
        def __init__(self) -> None:
            super().__init__((1,))
            self.temperature = self.scale
            del self.scale

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x) * self.temperature.exp()

    agreed = report(
        lambda: Scaled(()), Other, rename={"scale": "temperature"},
        loss=lambda y: (y * y).mean(),
        optimizer={"torch": lambda parameters: torch.optim.SGD(parameters, 0.1)},
    )  # fmt: skip
    assert agreed.passed, str(agreed)


def test_jittor_has_no_scalars() -> None:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.layer, self.scale = jt.nn.Linear(3, 3), jt.ones([]) * 0.7

        def execute(self, x: Any) -> Any:
            return self.layer(x) * self.scale.exp()

    assert report(lambda: Scaled(()), Port).passed
    assert report(Port, lambda: Scaled(())).passed
    assert not report(lambda: Scaled((), 1.0001), Port).passed
