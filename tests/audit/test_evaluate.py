"""A sample of mutants is caught where it was injected, and a sample of rewrites passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import pytest

from audit import mutants as _mutants  # noqa: F401
from audit import rewrites as _rewrites  # noqa: F401
from audit.case import MUTANTS, REWRITES, Mutant, Rewrite
from audit.correct_pairs import PairBase
from audit.evaluate import is_expected, record
from parity.trace.sites import TensorSite

Case = TypeVar("Case", Mutant, Rewrite)


def sample(cases: Sequence[Case], every: int) -> list[Case]:
    return [c for c in cases if c.side == "torch" and isinstance(c.base, PairBase)][::every]


@pytest.mark.parametrize("mutant", sample(MUTANTS, 3), ids=lambda m: m.name)
def test_an_injected_fault_is_caught_where_it_is(mutant: Mutant) -> None:
    result = record(mutant)
    assert result["caught"], result
    assert result["rank"] == 1, result


@pytest.mark.parametrize("rewrite", sample(REWRITES, 5), ids=lambda r: r.name)
def test_a_rewrite_passes(rewrite: Rewrite) -> None:
    result = record(rewrite)
    assert result["passed"], result
    assert result["verdict"] != "IDENTICAL" or rewrite.kind in ("layout", "training")


@pytest.mark.slow
@pytest.mark.parametrize("case", MUTANTS + REWRITES, ids=lambda c: f"{c.side} {c.name}")
def test_every_mutant_is_caught_and_every_rewrite_passes(case: Mutant | Rewrite) -> None:
    assert record(case)["passed"] is isinstance(case, Rewrite)


def test_a_finding_is_expected_only_in_the_mutants_module_and_phase() -> None:
    mutant = next(m for m in MUTANTS if m.paths == ("norm1",))
    assert is_expected(mutant, TensorSite("forward", "norm1", "output"))
    assert not is_expected(mutant, TensorSite("forward", "norm2", "output"))
    assert not is_expected(mutant, TensorSite("backward", "norm1", "input_gradient", "x"))


def test_a_finding_is_expected_only_in_the_mutants_group_of_state_or_tensor() -> None:
    moment = next(m for m in MUTANTS if m.tensor == "exp_avg")
    weight: Any = {"path": "a", "quantity": "state", "label": "weight", "owner": "a"}
    assert is_expected(moment, TensorSite("optimizer", **weight, group="exp_avg"))
    assert not is_expected(moment, TensorSite("optimizer", **weight, group="exp_avg_sq"))
    table = next(m for m in MUTANTS if m.tensor == "alpha_bar")
    assert is_expected(table, TensorSite("schedule", "", "table", "alpha_bar"))
    assert not is_expected(table, TensorSite("schedule", "", "table", "alpha_bar_previous"))
