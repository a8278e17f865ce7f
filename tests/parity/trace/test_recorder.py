"""What a run leaves behind: tensors, or their distances, or only who was called."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch

from parity.base.numerics import distance
from parity.compare.modules import Sides
from parity.compare.noise_profile import one_ulp
from parity.pair_check import prepare
from parity.trace.recorder import bare_run, cut_run, roll_call
from parity.trace.sites import places


def _sides(models: ModuleType) -> Sides:
    return prepare(models.block_pair(training=True)).sides


def test_a_measured_run_has_the_distances_of_a_kept_one(models: ModuleType) -> None:
    sides = _sides(models)
    shift = one_ulp("float32", 0, 1)
    lead = cut_run(sides.reference, sides.run(sides.reference, "float64", probe="plain"))
    still = cut_run(sides.candidate, sides.run(sides.candidate, "float32"), lead)
    run = sides.run(sides.candidate, "float32", shift=shift)
    kept = places(cut_run(sides.candidate, run, lead))
    measured = places(cut_run(sides.candidate, run, lead, still))
    before = places(still)
    assert list(measured) == list(kept) == list(before)
    for place, array in kept.items():
        assert measured[place] == distance(array, before[place]), place
    assert max(measured.values()) > 0


def test_a_whole_run_is_measured_likewise(models: ModuleType) -> None:
    sides = _sides(models)
    still = bare_run(sides.reference, sides.run(sides.reference, "float64"))
    again = bare_run(sides.reference, sides.run(sides.reference, "float64"), still)
    assert set(places(again)) == set(places(still))
    assert not any(places(again).values())


def test_the_leading_run_is_what_the_reference_leaves_when_it_follows_itself(
    models: ModuleType,
) -> None:
    def block() -> Any:
        return models.Block().to(memory_format=torch.channels_last)

    sides = prepare(models.block_pair(block, reference=block, training=True)).sides
    lead = cut_run(sides.reference, sides.run(sides.reference, "float64", probe="large magnitude"))
    assert all(array.flags.c_contiguous for array in lead.passed.values())
    follows = sides.rerun_reference(lead)
    for place, array in places(lead).items():
        np.testing.assert_array_equal(array, places(follows)[place], err_msg=str(place))


def test_backward_places_go_from_the_end_to_the_start(models: ModuleType) -> None:
    sides = _sides(models)
    lead = cut_run(sides.reference, sides.run(sides.reference, "float64", probe="plain"))
    backward = [p.tap for p in places(lead) if p.phase == "backward" and p.tap]
    order = list(lead.arrived)
    assert backward == sorted(backward, key=order.index, reverse=True)
    assert len(backward) > 5


def test_a_roll_call_names_every_call_and_holds_no_tensor(models: ModuleType) -> None:
    sides = _sides(models)
    lead = cut_run(sides.reference, sides.run(sides.reference, "float64", probe="plain"))
    called = roll_call(sides.reference, sides.run(sides.reference, "float32"))
    assert list(called.caller) == [tap for tap in lead.arrived if tap.port != "loss"]
    assert called.caller == {tap: lead.caller[tap] for tap in called.caller}
    assert not called.arrived
    assert not called.gradients
