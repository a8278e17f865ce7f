"""A pair that is run: isolated, end to end, with modules left out, and with tensors injected."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parity.base.numerics import distance
from parity.compare.comparison import Comparison, judge_comparison
from parity.compare.modules import PairRunner
from parity.prepare import prepare
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites


@pytest.fixture
def runner(models: ModuleType) -> PairRunner:
    return prepare(models.faulty("glue")).runner


def failing(judged: Any) -> set[tuple[str, str]]:
    return {(s.owner, s.quantity) for s, j in judged.items() if not j.verdict.passes()}


def test_isolated_a_fault_shows_where_it_enters_and_nowhere_later(runner: PairRunner) -> None:
    judged = runner.judge_isolated("plain", first=True)
    forward = {site: judgement for site, judgement in judged.items() if site.phase == "forward"}
    # The scaled tensor enters `batch`, and by the residual connection `dropout`.
    assert failing(forward) == {("batch", "input"), ("dropout", "input")}
    assert {site.scope for site in judged} == {"isolated"}


def test_end_to_end_the_model_answers_for_what_its_user_sees(runner: PairRunner) -> None:
    judged = runner.judge_end_to_end()
    assert {site.scope for site in judged} == {"end_to_end"}
    assert {site.path for site in judged} == {""}
    assert ("", "output") in failing(judged)
    owners = {site.owner for site in judged if site.quantity == "parameter_gradient"}
    assert owners == {"conv", "norm", "batch", "head"}


@pytest.mark.parametrize("first", [True, False])
def test_determinism_is_checked_with_the_first_stress_input(
    first: bool, models: ModuleType
) -> None:
    seen: list[Comparison] = []

    def judge(comparison: Comparison, *, seed: int) -> Any:
        seen.append(comparison)
        return judge_comparison(comparison, seed=seed)

    ready = prepare(models.block_pair()).runner
    runner = PairRunner(**{**vars(ready), "judge": judge})
    runner.judge_isolated("low variance", first=first)
    (comparison,) = seen
    assert (comparison.check_determinism, comparison.is_plain_input) == (first, first)
    assert not comparison.cross_framework


def test_modules_may_be_left_out(runner: PairRunner) -> None:
    judged = runner.without({"batch", "norm"}).judge_isolated("plain", first=True)
    taps = {site.tap.path for site in judged if site.tap is not None}
    assert {"conv", "head", ""} <= taps
    assert not {"batch", "norm"} & taps
    # Their parameters are compared as before.
    assert {"batch", "norm"} <= {s.owner for s in judged if s.quantity == "parameter_gradient"}


def test_a_rerun_gives_the_tensors_that_were_judged(runner: PairRunner) -> None:
    judged = runner.judge_isolated("plain", first=True)
    teacher, candidate = map(tensor_sites, runner.rerun("plain"))
    (entered,) = [s for s in judged if (s.owner, s.quantity) == ("batch", "input")]
    error = distance(candidate[entered], teacher[entered]) / np.abs(teacher[entered]).max()
    assert error == pytest.approx(judged[entered].error, rel=1e-12)


def test_the_reference_rerun_on_its_own_values_leaves_what_it_left(runner: PairRunner) -> None:
    teacher, _ = runner.rerun("plain")
    again = tensor_sites(runner.rerun_isolated(runner.reference, teacher))
    assert all((array == again[s]).all() for s, array in tensor_sites(teacher).items())


def test_a_tensor_may_be_injected(runner: PairRunner) -> None:
    expected = runner.observe(runner.reference, "float64", {}, Trace())
    tap = next(t for t in expected.recorded if (t.path, t.port) == ("batch", "input"))
    wrong = runner.observe(runner.candidate, "float64", {}, expected)
    right = runner.observe(runner.candidate, "float64", {tap: expected.recorded[tap]}, expected)
    (out,) = [t for t in expected.recorded if (t.path, t.port) == ("batch", "output")]
    assert distance(wrong.recorded[out], expected.recorded[out]) > 1e-5
    assert distance(right.recorded[out], expected.recorded[out]) < 1e-12


def test_calls_are_listed_without_their_tensors(runner: PairRunner) -> None:
    for trace in runner.list_calls():
        assert {tap.path for tap in trace.callers} >= {"", "conv", "norm", "batch", "head"}
        assert len(trace.recorded) == 0
