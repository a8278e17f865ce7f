"""A line for the module at a fault, on each side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from parity import Pair, Report, check
from parity.diagnose.module_text import LONGEST, module_text


class Block(nn.Module):
    def __init__(self, eps: float) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(3, 3), nn.LayerNorm(3, eps=eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.layer(x))


def test_a_layer_shows_its_settings_and_a_block_its_code() -> None:
    assert module_text(nn.Linear(3, 2), "a") == "Linear(in_features=3, out_features=2, bias=True)"
    block = module_text(Block(1e-5), "b", renamed=True)
    assert block.startswith("b, Block (test_module_text.py:")
    assert module_text(nn.Sequential(nn.ReLU()), "").startswith("Sequential")


def test_odd_descriptions_are_short_and_raise_nothing() -> None:
    class Long(nn.Module):
        def __repr__(self) -> str:
            return "x" * 1000

    class Broken(nn.Module):
        def __repr__(self) -> str:
            raise ValueError

    assert module_text(Long(), "") == "x" * LONGEST
    assert module_text(Broken(), "") == "Broken"


def report(reference: Any, candidate: Any, **options: Any) -> Report:
    return check(
        Pair(
            name="block",
            reference=reference,
            candidate=candidate,
            inputs=lambda g: {"x": g.standard_normal((4, 3)).astype(np.float32)},
            **options,
        )
    )


def test_a_report_shows_both_sides() -> None:
    outcome = report(lambda: Block(1e-5), lambda: Block(1e-3))
    assert outcome.first_divergence is not None
    assert outcome.first_divergence.modules == (
        repr(nn.LayerNorm(3, eps=1e-5)),
        repr(nn.LayerNorm(3, eps=1e-3)),
    )
    assert "\n     candidate: LayerNorm((3,), eps=0.001" in str(outcome)
    assert Report.from_dict(_data(outcome)).first_divergence == outcome.first_divergence


def _data(outcome: Report) -> Any:
    from parity.report.json import to_dict

    return to_dict(outcome)


def test_jittors_layers_are_shown_too() -> None:
    jt = pytest.importorskip("jittor")
    assert module_text(jt.nn.Linear(3, 2), "a").startswith("Linear(3, 2")
