"""PyTorch stands in for Jittor: what the replaced source computes is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from parity.atlas.backends import Backend
from parity.atlas.model.effect import EffectMeter, with_effects
from parity.atlas.model.recording import reference_of
from parity.atlas.model.results import Effect, ModelAtlas
from parity.pair import Pair


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, _ = torch.sort(self.linear(x).neg(), 1)
        return values * 2


def meter(jittor: Backend, build: Any = Net) -> EffectMeter:
    pair = Pair(
        name="net", reference=build, candidate=build,
        inputs=lambda generator: (generator.standard_normal((2, 3)).astype("f"),),
    )  # fmt: skip
    return EffectMeter(reference_of(pair), jittor)


LINEAR = """m = torch.nn.Linear(3, 4, bias=False)
m.eval()
y = torch.func.functional_call(m, {'weight': weight}, (x,))
y"""


@pytest.mark.parametrize(
    ("torch_source", "jittor_source", "expected"),
    [
        ("-x", "-x", Effect(outputs=0.0, gradients=0.0)),
        ("-x", "-x * 1.5", Effect(outputs=0.5, gradients=0.5)),
        ("-x", "x.detach() * 0 - x.detach()", Effect(outputs=0.0, gradients=1.0)),
        (LINEAR, "x @ weight.T * 1.25", Effect(outputs=0.25, gradients=0.25)),
        ("torch.sort(x, 1)", "torch.sort(x * 2, 1)", Effect(outputs=1.0, gradients=1.0)),
        ("torch.exp(x)", "x", Effect(outputs=0.0, gradients=0.0)),  # the model does not use it
    ],
)
def test_the_effect_is_that_of_the_replaced_operator(
    candidate: Backend, torch_source: str, jittor_source: str, expected: Effect
) -> None:
    measured = meter(candidate).measure({torch_source: jittor_source})
    assert measured is not None
    assert measured.outputs == pytest.approx(expected.outputs, abs=1e-12)
    assert measured.gradients == pytest.approx(expected.gradients, abs=1e-12)


@pytest.mark.parametrize("source", ["x[:1]", "torch.nothing(x)"])
def test_what_cannot_take_the_place_has_no_effect(candidate: Backend, source: str) -> None:
    assert meter(candidate).measure({"-x": source}) is None


def test_a_gradient_that_is_zero_but_for_rounding_does_not_count(candidate: Backend) -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * self.weight + self.bias
            return (y - y.mean(1, keepdim=True)) * 0.1

    found = meter(candidate, Shifted).measure({"x * 0.1": "x / 10.0 + x * 1e-13"})
    assert found is not None
    assert found.gradients < 1e-9


def test_an_atlas_without_differences_is_returned_as_it_is() -> None:
    atlas = ModelAtlas(pair="net", versions={}, uses=[], unjudged={})
    assert with_effects(atlas, None) is atlas  # type: ignore[arg-type]
