"""A run without taps: outputs, loss and gradients as the framework itself computes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from parity.adapters.protocol import adapt
from parity.base.rng import cotangent, draw_cotangent
from parity.nested.arguments import arguments_of
from parity.trace.bound_model import BoundModel
from parity.trace.end_to_end import run_end_to_end
from parity.trace.sites import Tap
from parity.trace.trace import Run

INPUT, OUTPUT, LOSS = (Tap("", 0, *end) for end in (("input", "x"), ("output", ""), ("loss", "")))


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.dropout = nn.Linear(3, 2), nn.Dropout(0.5)
        self.unused = nn.Parameter(torch.ones(4))

    def forward(self, x: torch.Tensor, repeats: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.linear(x)) * repeats


def bound() -> BoundModel:
    adapter = adapt(Scaled())
    names = {path: path for path in adapter.parameters()}
    return BoundModel("reference", adapter, {"": ""}, names, {})


def run(loss: Any = None, **settings: Any) -> Run:
    rng = np.random.default_rng(0)
    weights = {
        "linear.weight": rng.standard_normal((2, 3)).astype(np.float32),
        "linear.bias": rng.standard_normal(2).astype(np.float32),
        "unused": np.ones(4, np.float32),
    }
    inputs = arguments_of({"x": rng.standard_normal((5, 3)), "repeats": np.array([1, 3])})
    return Run(
        **{
            **{"inputs": inputs, "weights": weights, "precision": "float64", "training": False},
            **{"loss": loss, "seed": 7, **settings},
        }
    )


def test_gradients_are_those_of_the_projected_output() -> None:
    spec = run()
    trace = run_end_to_end(bound(), spec)
    x = spec.inputs.arrays()["x"].astype(np.float32).astype(np.float64)
    weight, bias = (spec.weights[f"linear.{n}"].astype(np.float64) for n in ("weight", "bias"))
    np.testing.assert_allclose(trace.recorded[OUTPUT], (x @ weight.T + bias) * [1, 3], rtol=1e-13)
    up = cotangent(draw_cotangent((5, 2), 7, "bare", "")).astype(np.float64) * [1, 3]
    np.testing.assert_allclose(trace.gradients[INPUT], up @ weight, rtol=1e-13)
    gradients = trace.parameter_gradients
    np.testing.assert_allclose(gradients["linear.weight"], up.T @ x, rtol=1e-13)
    np.testing.assert_allclose(gradients["linear.bias"], up.sum(0), rtol=1e-13)
    assert not gradients["unused"].any(), "where no gradient flows it is zero"
    assert gradients["unused"].shape == (4,)
    assert list(trace.recorded) == [OUTPUT]
    assert list(trace.gradients) == [INPUT], "integers have no gradient"


def test_a_users_loss_is_recorded_and_differentiated() -> None:
    trace = run_end_to_end(bound(), run(lambda output: output.sum() * 2))
    assert trace.recorded[LOSS] == trace.recorded[OUTPUT].sum() * 2
    np.testing.assert_allclose(trace.parameter_gradients["linear.bias"], [10, 30], rtol=1e-13)


def test_a_run_again_is_at_distance_0_and_one_with_other_dropout_is_not() -> None:
    model = bound()
    first = run_end_to_end(model, run(training=True))
    again = run_end_to_end(model, run(training=True), first)
    assert set(again.recorded) | set(again.gradients) == {OUTPUT, INPUT}
    distances = [*again.recorded.values(), *again.gradients.values()]
    assert not any([*distances, *again.parameter_gradients.values()])
    dropped = first.recorded[OUTPUT] == 0
    assert 0 < dropped.sum() < dropped.size
    other = run_end_to_end(model, run(training=True, seed=8), first)
    assert other.recorded[OUTPUT] > 0
