"""Weight norm and spectral norm in their old and new forms."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, remove_weight_norm, spectral_norm, weight_norm

from parity import CannotCompare, Pair, Report, check

warnings.filterwarnings("ignore", category=FutureWarning)

FORMS: dict[str, tuple[Callable[[nn.Module], nn.Module], Callable[[nn.Module], nn.Module]]] = {
    "weight norm": (weight_norm, parametrizations.weight_norm),
    "spectral norm": (spectral_norm, parametrizations.spectral_norm),
}


class Net(nn.Module):
    def __init__(self, norm: Callable[[nn.Module], nn.Module], factor: float = 1.0) -> None:
        super().__init__()
        self.first, self.second = norm(nn.Conv1d(3, 4, 3)), nn.Conv1d(4, 2, 1)
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x))) * self.factor


def report(reference: Any, candidate: Any, **options: Any) -> Report:
    return check(
        Pair(
            name="normed",
            reference=reference,
            candidate=candidate,
            inputs=lambda g: {"x": g.standard_normal((2, 3, 8)).astype(np.float32)},
            **options,
        )
    )


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_forms_are_matched(name: str, order: tuple[int, int]) -> None:
    one, other = (FORMS[name][i] for i in order)
    outcome = report(lambda: Net(one), lambda: Net(other))
    assert outcome.passed, str(outcome)
    assert any(note.startswith("first: the normalisation of weights") for note in outcome.notes)
    assert not report(lambda: Net(one), lambda: Net(other, 1 + 1e-7)).passed


def test_names_may_differ_as_well() -> None:
    class Renamed(Net):
        def __init__(self) -> None:
            super().__init__(parametrizations.weight_norm)
            self.begin = self.first
            del self.first

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(torch.tanh(self.begin(x)))

    for pair in ((lambda: Net(weight_norm), Renamed, {"first": "begin"}),
                 (Renamed, lambda: Net(weight_norm), {"begin": "first"})):  # fmt: skip
        reference, candidate, rename = pair
        assert report(reference, candidate, rename=rename).passed


@pytest.mark.parametrize("norm", FORMS["weight norm"])
def test_a_folded_weight_is_said(norm: Callable[[nn.Module], nn.Module]) -> None:
    def plain() -> nn.Module:
        net = Net(weight_norm)
        remove_weight_norm(net.first)
        return net

    with pytest.raises(CannotCompare, match="has weight norm in the reference alone"):
        report(lambda: Net(norm), plain)
    with pytest.raises(CannotCompare, match="has weight norm in the candidate alone"):
        report(plain, lambda: Net(norm))


def test_the_trees_match() -> None:
    from parity.trace.model_building import tree_of

    pair = Pair(
        name="normed", reference=lambda: Net(weight_norm),
        candidate=lambda: Net(parametrizations.weight_norm), inputs=lambda g: None,
    )  # fmt: skip
    assert tree_of(pair).matches
