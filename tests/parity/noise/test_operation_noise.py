"""Rounding inside, which no shift of what flows in shows: measured, and no excuse for a fault."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Verdict, check
from parity.adapters.torch_adapter import TorchAdapter
from parity.base.numerics import distance
from parity.noise.operation_noise import WIDER, operation_spread, perturb_results
from parity.trace.sites import TensorSite

PLACE = TensorSite("forward", "", "output")


class Waves(nn.Module):
    """A timestep's sinusoids, in float64 at either precision."""

    def __init__(self, frequency: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.frequency = frequency
        self.linear = nn.Linear(8, 3)

    def forward(self, timestep: torch.Tensor) -> torch.Tensor:
        index = torch.arange(8, dtype=torch.float64) / 7
        phase = timestep.double()[:, None] * self.frequency(index)
        return self.linear(phase.sin().to(self.linear.weight.dtype))


def exponentials(index: torch.Tensor) -> torch.Tensor:
    return torch.exp(index * -math.log(10000))


def pair(frequency: Callable[[torch.Tensor], torch.Tensor]) -> Pair:
    torch.manual_seed(0)
    return Pair(
        name="waves",
        reference=lambda: Waves(exponentials),
        candidate=lambda: Waves(frequency),
        inputs=lambda rng: {"timestep": rng.integers(500, 1000, 6)},
    )


def powers(index: torch.Tensor) -> torch.Tensor:
    return 10000**-index


def test_a_table_made_from_integers_in_another_way_is_the_same_function() -> None:
    report = check(pair(powers))
    assert report.verdict is Verdict.WITHIN_NOISE, str(report)


def test_it_takes_the_moves_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(TorchAdapter, "perturbing_operations")
    assert check(pair(powers)).verdict is Verdict.SEMANTIC_DIFFERENCE


def test_a_fault_of_the_table_stays_one() -> None:
    first = check(pair(lambda index: 10000.000001**-index)).first_divergence
    assert first is not None
    assert (first.path, first.verdict) == ("", Verdict.SEMANTIC_DIFFERENCE)


def test_a_table_made_in_float32_loses_digits() -> None:
    """The cast follows the precision of a run, so in float64 both tables are the same."""
    report = check(pair(lambda index: exponentials(index.float()).double()))
    assert report.verdict is Verdict.NUMERICALLY_WEAKER
    assert not report.passes(strict=True)


def spread_of(function: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> float | None:
    x = np.linspace(1, 2, 1000)
    found = operation_spread(
        lambda perturb: {PLACE: distance(function(perturb(x)), function(x))}, seed=0
    )
    return found.get(PLACE)


def test_what_grows_with_the_moves_is_rounding() -> None:
    one, three = spread_of(lambda x: x), spread_of(lambda x: 3 * x)
    assert one is not None
    assert three is not None
    assert 2.0**-52 <= one <= 2.0**-51
    assert 2 * one <= three <= 4 * one


def test_a_jump_is_none() -> None:
    assert spread_of(lambda x: np.floor(x)) is None


def test_nothing_is_known_where_the_framework_cannot_say() -> None:
    assert operation_spread(lambda perturb: None, seed=0) == {}


def test_moves_differ_from_call_to_call_and_have_their_size() -> None:
    x, perturb = np.ones(1000) * 1.5, perturb_results(0, 0, WIDER)
    first, second = perturb(x), perturb(x)
    assert set(np.unique(np.abs(first - x))) == {WIDER * 2.0**-52}
    assert (first != second).any()
    assert (perturb_results(0, 0, WIDER)(x) == first).all()


def test_what_is_not_finite_stays() -> None:
    odd = np.array([np.inf, -np.inf, np.nan, 0.0])
    np.testing.assert_array_equal(perturb_results(0, 0, WIDER)(odd), odd)


def test_torch_moves_results_on_the_way_back_as_well_and_no_view() -> None:
    x = torch.full((5,), 1.5, dtype=torch.float64, requires_grad=True)
    seen = []

    def perturb(array: Any) -> Any:
        seen.append(array.copy())
        return np.asarray(array + 1)

    with TorchAdapter(nn.Identity()).perturbing_operations(perturb):
        y = (x * 2).reshape(5, 1).t()
        (gradient,) = torch.autograd.grad(y.sum(), x)
    assert y.tolist() == [[4.0] * 5]
    assert gradient.tolist() == [5.0] * 5  # 2 (1 + 1) + 1: the ones it starts from, the product
    assert [array.ndim for array in seen] == [1, 0, 0, 1]
