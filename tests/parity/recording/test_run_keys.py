"""Keys of runs: the same for the same run, another one for any setting that changes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from parity.base.stress_inputs import STRESS_INPUTS, told_apart
from parity.nested.arguments import Arguments
from parity.noise.rough_difference import rescaled
from parity.noise.side_runner import one_ulp
from parity.recording.run_keys import history_member, run_key, step_key
from parity.trace.trace import Run, Trace

RUN = Run(
    inputs=Arguments((), {}), weights={}, precision="float64", training=False, loss=None, seed=0
)
CHANGES: list[dict[str, Any]] = [
    {"precision": "float32"},
    {"training": True},
    {"seed": 1},
    {"stress_input": STRESS_INPUTS["plain"]},
    {"stress_input": STRESS_INPUTS["zeros"]},
    {"stress_input": told_apart("zeros")},
    {"perturbation": one_ulp("float64", 0, 0)},
    {"perturbation": one_ulp("float64", 0, 1)},
    {"perturbation": rescaled(0, 0)},
    {"draws": "low"},
    {"unstressed": frozenset({"a"})},
    {"unperturbed": frozenset({"a"})},
]


def test_equal_runs_have_equal_keys_and_others_have_others() -> None:
    runs = [RUN, *(replace(RUN, **change) for change in CHANGES)]
    keys = [run_key("isolated", run) for run in runs]
    assert len({*keys, None}) == len(runs) + 1
    again = replace(RUN, perturbation=one_ulp("float64", 0, 1), is_watched=False)
    assert run_key("isolated", again) == keys[8]


def test_what_is_around_a_run_counts_too() -> None:
    teacher = Trace(origin="key")
    keys = {
        run_key("isolated", RUN),
        run_key("end to end", RUN),
        run_key("isolated", RUN, teacher),
        run_key("isolated", RUN, Trace()),
        run_key("isolated", RUN, teacher, Trace()),
        run_key("isolated", RUN, operations="one"),
    }
    assert len(keys) == 6


@pytest.mark.parametrize("change", ["stress_input", "perturbation"])
def test_a_function_without_a_key_has_none(change: str) -> None:
    changed: Any = {change: lambda array, name="": array}
    assert run_key("isolated", replace(RUN, **changed)) is None


def test_steps_have_keys_and_members() -> None:
    keys = {
        step_key(variant, number, "float64", shift)
        for variant in ("", "other")
        for number in (None, 0, 1)
        for shift in (None, rescaled(0, 0))
    }
    assert len(keys) == 12
    assert step_key("", 0, "float64", lambda array: array) is None
    assert history_member("", "weights", 1) == "training/weights-1.safetensors"
