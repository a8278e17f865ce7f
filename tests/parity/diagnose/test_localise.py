"""The first fault has a segment, and experiments confirm it only if nothing else is wrong."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from parity import Finding
from parity.compare.modules import PairRunner
from parity.diagnose.localise import confirm, segment
from parity.prepare import prepare
from parity.report.finding import finding_of
from parity.trace.sites import Boundary, Segment, TensorSite

Sited = list[tuple[TensorSite, Finding]]


def first_fault(findings: Sited) -> int | None:
    return next((number for number, (_, f) in enumerate(findings) if f.is_fault), None)


def judged(pair: Any) -> tuple[Sited, PairRunner]:
    runner = prepare(pair).runner
    found = runner.judge_isolated("plain", first=True)
    order = sorted(found, key=lambda s: ("forward", "loss", "backward").index(s.phase))
    return [(s, finding_of(s, found[s], stress_input="plain")) for s in order], runner


@pytest.mark.parametrize(
    ("fault", "between"),
    [
        ("glue", Segment(Boundary("output", "norm"), Boundary("input", "batch"))),
        ("cut", Segment(Boundary("output", "act"), Boundary("input", "dropout"))),
        ("gradient", Segment(Boundary("output", "act"), Boundary("input", "dropout"))),
    ],
)
def test_a_fault_between_modules_has_the_segment_and_is_confirmed(
    fault: str, between: Segment, models: ModuleType
) -> None:
    findings, runner = judged(models.faulty(fault))
    first = first_fault(findings)
    assert first is not None
    teacher, _ = runner.rerun("plain")
    assert segment(findings[first][0], teacher) == between
    assert confirm(findings, first, runner)


def test_a_fault_inside_a_module_has_no_segment(models: ModuleType) -> None:
    findings, runner = judged(models.block_pair(lambda: models.Block(epsilon=1e-3)))
    first = first_fault(findings)
    assert first is not None
    assert findings[first][0].path == "norm"
    teacher, _ = runner.rerun("plain")
    assert segment(findings[first][0], teacher) is None
    assert confirm(findings, first, runner)


def test_a_second_fault_that_is_not_named_is_not_confirmed(models: ModuleType) -> None:
    findings, runner = judged(models.faulty("glue"))
    first = first_fault(findings)
    assert first is not None

    def two_faults() -> nn.Module:
        block: nn.Module = models.Block(fault="glue")
        head = block.head.forward
        block.head.forward = lambda input: 1.001 * head(input)
        return block

    _, with_both = judged(models.block_pair(two_faults))
    # The findings name the first fault alone, and the candidate has both.
    assert not confirm(findings, first, with_both)
    assert confirm(findings, first, runner)


def test_a_gradient_that_is_right_with_other_cotangents_is_not_confirmed(
    models: ModuleType,
) -> None:
    findings, _ = judged(models.faulty("gradient"))
    first = first_fault(findings)
    assert first is not None
    assert findings[first][0].phase == "backward"
    torch.manual_seed(0)
    correct = prepare(models.block_pair()).runner
    assert not confirm(findings, first, correct)
