"""What a run leaves behind: tensors, or their distances, or only who was called."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch

from parity.base.numerics import distance
from parity.compare.modules import PairRunner
from parity.compare.side_runner import one_ulp
from parity.prepare import prepare
from parity.trace.end_to_end import run_end_to_end
from parity.trace.recorder import list_calls, run_isolated
from parity.trace.values import tensor_sites


def _sides(models: ModuleType) -> PairRunner:
    return prepare(models.block_pair(training=True)).runner


def test_a_measured_run_has_the_distances_of_a_kept_one(models: ModuleType) -> None:
    sides = _sides(models)
    shift = one_ulp("float32", 0, 1)
    teacher = run_isolated(
        sides.reference, sides.run_spec(sides.reference, "float64", stress_input="plain")
    )
    baseline = run_isolated(sides.candidate, sides.run_spec(sides.candidate, "float32"), teacher)
    run = sides.run_spec(sides.candidate, "float32", shift=shift)
    kept = tensor_sites(run_isolated(sides.candidate, run, teacher))
    measured = tensor_sites(run_isolated(sides.candidate, run, teacher, baseline))
    before = tensor_sites(baseline)
    assert list(measured) == list(kept) == list(before)
    for site, array in kept.items():
        assert measured[site] == distance(array, before[site]), site
    assert max(measured.values()) > 0


def test_a_whole_run_is_measured_likewise(models: ModuleType) -> None:
    sides = _sides(models)
    baseline = run_end_to_end(sides.reference, sides.run_spec(sides.reference, "float64"))
    again = run_end_to_end(sides.reference, sides.run_spec(sides.reference, "float64"), baseline)
    assert set(tensor_sites(again)) == set(tensor_sites(baseline))
    assert not any(tensor_sites(again).values())


def test_the_leading_run_is_what_the_reference_leaves_when_it_follows_itself(
    models: ModuleType,
) -> None:
    def block() -> Any:
        return models.Block().to(memory_format=torch.channels_last)

    sides = prepare(models.block_pair(block, reference=block, training=True)).runner
    teacher = run_isolated(
        sides.reference, sides.run_spec(sides.reference, "float64", stress_input="large magnitude")
    )
    assert all(array.flags.c_contiguous for array in teacher.forced.values())
    follows = sides.rerun_reference(teacher)
    for site, array in tensor_sites(teacher).items():
        np.testing.assert_array_equal(array, tensor_sites(follows)[site], err_msg=str(site))


def test_backward_places_go_from_the_end_to_the_start(models: ModuleType) -> None:
    sides = _sides(models)
    teacher = run_isolated(
        sides.reference, sides.run_spec(sides.reference, "float64", stress_input="plain")
    )
    backward = [p.tap for p in tensor_sites(teacher) if p.phase == "backward" and p.tap]
    order = list(teacher.recorded)
    assert backward == sorted(backward, key=order.index, reverse=True)
    assert len(backward) > 5


def test_a_roll_call_names_every_call_and_holds_no_tensor(models: ModuleType) -> None:
    sides = _sides(models)
    teacher = run_isolated(
        sides.reference, sides.run_spec(sides.reference, "float64", stress_input="plain")
    )
    called = list_calls(sides.reference, sides.run_spec(sides.reference, "float32"))
    assert list(called.callers) == [tap for tap in teacher.recorded if tap.port != "loss"]
    assert called.callers == {tap: teacher.callers[tap] for tap in called.callers}
    assert not called.recorded
    assert not called.gradients
