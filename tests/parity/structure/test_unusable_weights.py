"""Models whose weights cannot be set are refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from parity import CannotCompare, Pair
from parity.adapters.torch_adapter import TorchAdapter
from parity.structure.unusable_weights import require_usable
from parity.trace.model_building import tree_of


class Hidden(nn.Module):
    def __init__(self, content: Any) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(2, 2), content


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: nn.LazyLinear(3), "the reference's 'weight' is lazy .*: call the model once"),
        (on_meta, "the reference's 'weight' is on the meta device"),
        (lambda: Hidden([nn.Linear(2, 2)]), "keeps layers in a plain list, 'hidden'"),
        (lambda: nn.Sequential(Hidden({"a": nn.Linear(2, 2)})), "a plain dict, '0.hidden'"),
        (lambda: Hidden((nn.ReLU(), nn.BatchNorm1d(2))), "a plain tuple, 'hidden'"),
    ],
)
def test_it_is_said(build: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(CannotCompare, match=said):
        tree_of(Pair(name="mine", reference=build, candidate=build, inputs=lambda g: None))


def test_lists_without_weights_or_of_known_layers_are_no_matter() -> None:
    model = Hidden([nn.ReLU(), 3, None])
    model.again = [model.first]  # type: ignore[assignment]
    require_usable(TorchAdapter(model), "reference")


def test_jittor_does_not_register_a_plain_list_either() -> None:
    jt = pytest.importorskip("jittor")

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.parts = [jt.nn.Linear(2, 2)]
            self.listed = jt.nn.ModuleList([jt.nn.Linear(2, 2)])

        def execute(self, x: Any) -> Any:
            return x

    with pytest.raises(CannotCompare, match="keeps layers in a plain list, 'parts', which jittor"):
        tree_of(Pair(name="mine", reference=Port, candidate=Port, inputs=lambda g: None))
