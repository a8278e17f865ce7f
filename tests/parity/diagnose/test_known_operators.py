"""Rules of Jittor's operators are named where they explain all of a difference, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from parity import Pair, Report, check
from parity.report.faults import FaultKind
from parity.report.known_divergences import DIVERGENCES

jt = pytest.importorskip("jittor")
GRID = np.linspace(-1, 1, 2 * 7 * 7 * 2).reshape(2, 7, 7, 2)


def pair(
    reference: Callable[[Any], Any], candidate: Callable[[Any], Any], shape: tuple[int, ...],
    **options: Any,
) -> Pair:  # fmt: skip
    """Return a pair whose sides scale their input and then call the two functions."""
    form = (1, shape[1], *[1] * (len(shape) - 2))

    class Original(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(form))

        def forward(self, x: torch.Tensor) -> Any:
            return reference(x * self.weight)

    class Port(jt.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.weight = jt.ones(form)

        def execute(self, x: Any) -> Any:
            return candidate(x * self.weight)

    return Pair(
        name="operator", reference=Original, candidate=Port,
        inputs=lambda generator: {"x": generator.standard_normal(shape).astype("f")}, **options,
    )  # fmt: skip


def bilinear(frameworks_own: Any) -> Callable[[Any], Any]:
    return lambda x: frameworks_own.interpolate(x, scale_factor=1.5, mode="bilinear")


def aligned(frameworks_own: Any, x: Any) -> Any:
    return frameworks_own.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=True)


def grid(x: Any) -> Any:
    return jt.array(GRID).cast(x.dtype)


IMAGES, ROWS = (2, 3, 7, 7), (4, 6)
CASES: dict[str, list[tuple[Any, Any, tuple[int, ...]]]] = {
    "jittor.adaptive_pool": [
        (lambda x: functional.adaptive_max_pool2d(x, 5), lambda x: jt.nn.AdaptiveMaxPool2d(5)(x),
         (2, 3, 8, 8)),
    ],
    "jittor.pool": [
        (lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
         lambda x: jt.nn.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (2, 3, 8, 8)),
    ],
    "jittor.interpolate": [(bilinear(functional), bilinear(jt.nn), IMAGES)],
    "jittor.grid_sample": [
        (lambda x: functional.grid_sample(x, torch.tensor(GRID).to(x), mode="nearest",
                                          align_corners=False),
         lambda x: jt.nn.grid_sample(x, grid(x), mode="nearest", align_corners=False), IMAGES),
    ],
    "jittor.std": [
        (lambda x: x.std(0), lambda x: x.std(0), ROWS),
        (lambda x: torch.var(x, 1), lambda x: x.var(1), ROWS),
    ],
    "jittor.norm": [(lambda x: x.norm(dim=1), lambda x: x.norm(dim=1), ROWS)],
    "jittor.sigmoid": [(functional.logsigmoid, lambda x: jt.nn.log_sigmoid(x), ROWS)],
    "jittor.softplus": [(functional.softplus, lambda x: jt.nn.softplus(x), ROWS)],
    "jittor.product": [
        (lambda x: torch.cumprod(x, 1), lambda x: jt.cumprod(x, 1), ROWS),
        (lambda x: x.prod(1), lambda x: x.prod(1), ROWS),
    ],
    "jittor.remainder": [(lambda x: x[:2] % x[2:], lambda x: x[:2] % x[2:], ROWS)],
    "jittor.loss": [
        (lambda x: functional.binary_cross_entropy_with_logits(x, (x > 0).to(x)),
         lambda x: jt.nn.binary_cross_entropy_with_logits(x, (x > 0).cast(x.dtype)), ROWS),
    ],
}  # fmt: skip


def known(report: Report) -> set[str | None]:
    return {fault.first.known for fault in report.faults}


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, cases in CASES.items() for n in range(len(cases))]
)
def test_a_rule_that_explains_everything_is_named_and_may_be_accepted(
    name: str, number: int
) -> None:
    case = CASES[name][number]
    report = check(pair(*case))
    assert not report.passed
    assert name in known(report)
    assert known(report) <= {name, "subgradient"}
    assert DIVERGENCES[name].workaround in str(report)
    accepted = check(pair(*case, accept=dict.fromkeys(filter(None, known(report)), "it is known")))
    assert accepted.passed


def test_every_rule_on_functions_has_a_pair_here() -> None:
    assert CASES.keys() == {name for name, rule in DIVERGENCES.items() if rule.functions}


@pytest.mark.parametrize(
    ("reference", "candidate"),
    [
        # Another argument beside a rule that differs: corners, a factor, an epsilon.
        (bilinear(functional), lambda x: aligned(jt.nn, x)),
        (bilinear(functional), lambda x: bilinear(jt.nn)(x) * 1.001),
        (lambda x: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
         lambda x: jt.nn.avg_pool2d(x, 3, 2, 1, count_include_pad=True) * 0.9),
        (lambda x: x / (x.std(0) + 1e-5), lambda x: x / (x.std(0) + 1e-3)),
    ],
)  # fmt: skip
def test_a_fault_beside_a_rule_stays_a_fault(reference: Any, candidate: Any) -> None:
    report = check(pair(reference, candidate, IMAGES))
    assert not report.passed
    assert report.faults[0].kind is FaultKind.FUNCTION
    assert report.faults[0].first.known is None


def test_an_accepted_rule_leaves_another_place_with_the_same_function_to_be_judged() -> None:
    def wrong_twice(x: Any) -> Any:
        return bilinear(jt.nn)(x), aligned(jt.nn, x)

    def twice(x: Any) -> Any:
        return bilinear(functional)(x), bilinear(functional)(x)

    report = check(pair(twice, wrong_twice, IMAGES, accept={"jittor.interpolate": "known"}))
    assert not report.passed
    assert None in known(report)


def test_without_a_candidate_of_jittor_no_rule_is_tried() -> None:
    class Halved(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return bilinear(functional)(x) / 2

    original = pair(bilinear(functional), bilinear(jt.nn), IMAGES)
    report = check(Pair(name="torch", reference=nn.Identity, candidate=Halved,
                        inputs=original.inputs))  # fmt: skip
    assert known(report) == {None}


def test_a_fault_in_float32_alone_is_not_explained_by_a_rule_that_the_model_meets() -> None:
    """In float64 both sides agree, with a rule or without: the rule explains nothing."""
    report = check(
        pair(
            lambda x: functional.silu(x.half().float()),
            lambda x: jt.nn.silu(x),
            ROWS,
            stress_inputs=("plain",),
        )
    )
    assert not report.passed
    assert known(report) == {None}
