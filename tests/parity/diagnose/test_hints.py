"""A hint names the one thing that was changed, and says nothing of what it has not tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from parity import Pair, Record, check, record


def edited(models: ModuleType, edit: Callable[[nn.Module], object]) -> Pair:
    def build() -> nn.Module:
        block = models.Block()
        edit(block)
        return block

    return models.block_pair(build, training=True)


@pytest.mark.parametrize(
    ("edit", "path", "text"),
    [
        (lambda b: setattr(b.norm, "eps", 1e-6), "norm", "eps = 1e-06 where the reference has"),
        (lambda b: setattr(b.batch, "momentum", 0.01), "batch", "momentum = 0.01 where"),
        (lambda b: setattr(b.norm, "num_groups", 4), "norm", "num_groups = 4 where"),
        (
            lambda b: setattr(b.conv, "padding_mode", "circular"),
            "conv",
            "padding_mode = 'circular'",
        ),
        (lambda b: setattr(b, "act", nn.GELU()), "act", "GELU (erf) of the input of act, the ref"),
    ],
)
def test_a_wrong_setting_is_named(
    edit: Callable[[nn.Module], object], path: str, text: str, models: ModuleType
) -> None:
    report = check(edited(models, edit))
    first = report.first_divergence
    assert first is not None
    assert first.path == path
    assert text in first.hint
    assert f"likely: {first.hint}" in str(report)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("glue", "the reference's times 1.0001"),
        ("residual", "without the input of batch: a residual connection"),
        ("cut", "zero everywhere: a connection is cut"),
        ("gradient", "the reference's times 1.01"),
    ],
)
def test_a_fault_between_modules_is_named(fault: str, text: str, models: ModuleType) -> None:
    first = check(models.faulty(fault)).first_divergence
    assert first is not None
    assert text in first.hint


class _Transposed(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input @ self.weight + self.bias


class _Unbiased(nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return input @ self.weight.T


@pytest.mark.parametrize(
    ("layer", "text"),
    [(_Transposed, "head.weight transposed gives exactly this"), (_Unbiased, "no head.bias gives")],
)
def test_a_wrong_use_of_a_weight_is_named(
    layer: type[nn.Linear], text: str, models: ModuleType
) -> None:
    first = check(edited(models, lambda b: setattr(b, "head", layer(8, 8)))).first_divergence
    assert first is not None
    assert first.path == "head"
    assert text in first.hint


def test_the_reference_is_left_as_it_was(models: ModuleType) -> None:
    block = models.Block()
    pair = Pair(**{**vars(edited(models, lambda b: setattr(b.norm, "eps", 1e-3)))})
    pair = Pair(**{**vars(pair), "reference": lambda: block})
    assert check(pair).first_divergence is not None
    assert block.norm.eps == 1e-5
    assert block.conv.padding_mode == "zeros"


def transposed(block: nn.Module) -> None:
    head: Any = block.head
    head.forward = lambda x: x @ head.weight + head.bias


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (
            lambda b: setattr(b.norm, "eps", 1e-3),
            "eps = 0.001 where the reference has 1e-05 gives exactly this",
        ),
        (transposed, "head.weight transposed gives exactly this"),
    ],
)
def test_what_undoes_a_fault_is_tried_on_the_candidate_where_the_reference_is_recorded(
    edit: Callable[[nn.Module], object], text: str, models: ModuleType, tmp_path: Path
) -> None:
    pair = edited(models, edit)
    record(pair, tmp_path / "record")
    for report in (check(pair, reference=Record.open(tmp_path / "record")), check(pair)):
        assert report.first_divergence is not None
        assert report.first_divergence.hint == text
