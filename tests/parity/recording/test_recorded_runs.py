"""Runs looked up in a record: what the live ones left, and no other."""

from __future__ import annotations

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from parity import Record, record
from parity.compare.modules import PairRunner
from parity.errors import NotRecorded
from parity.noise.side_runner import one_ulp
from parity.prepare import prepare
from parity.recording.runs import LIVE
from parity.trace.sites import Tap
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites


@pytest.fixture(scope="module")
def runner(models: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> PairRunner:
    model = models.Block()
    pair = dataclasses.replace(models.block_pair(), reference=lambda: model)
    path = tmp_path_factory.mktemp("records") / "x"
    record(pair, path)
    opened = Record.open(path)
    runner = prepare(opened.completed(pair), record=opened).runner
    live = prepare(pair).runner
    return dataclasses.replace(runner, candidate=live.reference)


def assert_same(one: Trace, other: Trace) -> None:
    first, second = tensor_sites(one), tensor_sites(other)
    assert list(first) == list(second)
    assert list(first)
    for site in first:
        np.testing.assert_array_equal(first[site], second[site])


def test_they_are_those_that_were_made(runner: PairRunner) -> None:
    runs, model, live = runner.runs["reference"], runner.reference, runner.candidate
    spec, of_live = (runner.run_spec(m, "float64", stress_input="plain") for m in (model, live))
    teacher = runs.isolated(model, spec)
    assert_same(teacher, LIVE.isolated(live, of_live))
    spec, of_live = (runner.run_spec(m, "float32") for m in (model, live))
    assert_same(runs.isolated(model, spec, teacher), LIVE.isolated(live, of_live, teacher))
    baseline = runs.end_to_end(model, spec)
    assert_same(baseline, LIVE.end_to_end(live, of_live))
    spec, of_live = (
        runner.run_spec(m, "float32", shift=one_ulp("float32", 0, 0)) for m in (model, live)
    )
    assert_same(runs.end_to_end(model, spec, baseline), LIVE.end_to_end(live, of_live, baseline))


def test_one_that_was_not_made_is_refused(runner: PairRunner) -> None:
    runs, model = runner.runs["reference"], runner.reference
    for spec in (
        runner.run_spec(model, "float64", stress_input="zeros"),
        runner.run_spec(model, "float64", stress_input=lambda x: x),
        runner.run_spec(model, "float64", stress_input="plain", seed=99),
    ):
        with pytest.raises(NotRecorded, match="a run of the recorded side that it lacks"):
            runs.isolated(model, spec)
    training = runs.training("")
    assert training is not None
    with pytest.raises(NotRecorded, match="a step of training"):
        training.steps(0).values("float64")


def test_a_model_cut_otherwise_is_refused(runner: PairRunner) -> None:
    runs, other = runner.runs["reference"], runner.without(["norm"])
    with pytest.raises(NotRecorded, match="--without norm"):
        runs.isolated(other.reference, other.run_spec(other.reference, "float64"))


def test_a_model_given_other_tensors_is_refused(runner: PairRunner) -> None:
    unpaired = frozenset({Tap("", 0, "input", "t")})
    other = dataclasses.replace(runner.reference, unpaired=unpaired)
    with pytest.raises(NotRecorded, match="the model itself is given other tensors"):
        runner.runs["reference"].isolated(other, runner.run_spec(other, "float64"))


def test_injecting_something_needs_the_module(runner: PairRunner) -> None:
    spec = runner.run_spec(runner.reference, "float64")
    tap = next(
        iter(runner.runs["reference"].with_injection(runner.reference, spec, Trace(), {}).recorded)
    )
    with pytest.raises(NotRecorded):
        runner.runs["reference"].with_injection(runner.reference, spec, Trace(), {tap: np.zeros(1)})
