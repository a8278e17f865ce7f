"""Runs of a module that is here are those of the recorder."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from parity.prepare import prepare
from parity.recording.runs import LIVE
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import list_calls, run_isolated, run_with_injection
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites


def test_each_is_made_by_its_function(models: ModuleType) -> None:
    runner = prepare(models.block_pair()).runner
    model, spec = runner.reference, runner.run_spec(runner.reference, "float64")
    for one, other in (
        (LIVE.isolated(model, spec), run_isolated(model, spec)),
        (LIVE.end_to_end(model, spec), run_end_to_end(model, spec)),
        (
            LIVE.with_injection(model, spec, Trace(), {}),
            run_with_injection(model, spec, Trace(), {}),
        ),
    ):
        first, second = tensor_sites(one), tensor_sites(other)
        assert list(first) == list(second)
        assert all(np.array_equal(first[site], second[site]) for site in first)
    assert LIVE.calls(model, spec).callers == list_calls(model, spec).callers
    assert LIVE.training("") is None


def test_the_buffers_that_training_changes_are_found(models: ModuleType) -> None:
    runner = prepare(models.block_pair(training=True)).runner
    spec = runner.run_spec(runner.reference, "float32")
    assert LIVE.changed_buffers(runner.reference, spec) == {
        "batch.running_mean",
        "batch.running_var",
        "batch.num_batches_tracked",
    }
