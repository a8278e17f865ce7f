"""A pair accepts its documented arguments and refuses others in one line."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from parity import CannotCompare, Pair
from parity.base.stress_inputs import STRESS_INPUTS


def inputs(rng: np.random.Generator) -> dict[str, Any]:
    return {"x": rng.random(3)}


def pair(**options: Any) -> Pair:
    settings: dict[str, Any] = {
        "name": "p",
        "reference": object,
        "candidate": object,
        "inputs": inputs,
    }
    return Pair(**{**settings, **options})


def test_stress_inputs_are_accepted_under_their_name_in_version_0_1() -> None:
    assert pair().stress_inputs == tuple(STRESS_INPUTS)
    old = pair(probes=("plain", "zeros"))
    assert old == pair(stress_inputs=("plain", "zeros"))
    assert dataclasses.replace(old, name="q").stress_inputs == ("plain", "zeros")
    assert Pair(**vars(old)) == old
    with pytest.raises(CannotCompare, match=r"stress_inputs = \('none',\) must be one or more of"):
        pair(probes=("none",))


@pytest.mark.parametrize("bad", [(), ("plain", "unknown")])
def test_unknown_stress_inputs_are_refused_with_the_known_ones(bad: tuple[str, ...]) -> None:
    with pytest.raises(CannotCompare, match="one or more of plain, low variance, large offset"):
        pair(stress_inputs=bad)


def test_init_is_true_false_or_exact() -> None:
    for value in (True, False, "exact"):
        assert pair(init=value).init == value
    with pytest.raises(CannotCompare, match="init = 'equal' must be True, False or 'exact'"):
        pair(init="equal")


def test_a_loss_is_one_for_all_frameworks_or_one_for_each() -> None:
    assert pair().loss_for("torch") is None
    assert pair(loss=sum).loss_for("torch") is sum
    assert pair(loss={"torch": sum, "jittor": max}).loss_for("jittor") is max
    with pytest.raises(CannotCompare, match="`loss` names torch, but not jittor"):
        pair(loss={"torch": sum}).loss_for("jittor")


def test_an_optimizer_is_needed_for_each_framework() -> None:
    assert pair(optimizer={"torch": sum}).optimizer_for("torch") is sum
    with pytest.raises(CannotCompare, match="`optimizer` names torch, but not jittor"):
        pair(optimizer={"torch": sum}).optimizer_for("jittor")
    with pytest.raises(CannotCompare, match="`optimizer` names none, but not torch"):
        pair().optimizer_for("torch")


def test_inputs_are_drawn_from_the_generator() -> None:
    drawn = pair().draw_inputs(np.random.default_rng(1))
    np.testing.assert_array_equal(drawn.arrays()["x"], np.random.default_rng(1).random(3))


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (["a"], "inputs returned list without an array: return arrays by keyword"),
        ({}, "inputs returned dict without an array"),
        ({"x": "a"}, "inputs returned dict without an array"),
        ({3: np.ones(2)}, "inputs returned a dict whose keys are not argument names"),
        ({"x": [np.ones(2), object()]}, "input 'x.1' is object: an array, a number, None, a text"),
        ({"x": np.array(["a"])}, "input 'x' is an array of <U1"),
        ({"x": np.array([1.0, np.nan])}, "input 'x' holds NaN"),
        (None, "inputs returned NoneType without an array"),
    ],
)
def test_inputs_that_cannot_be_used_are_named(returned: Any, text: str) -> None:
    with pytest.raises(CannotCompare, match=text):
        pair(inputs=lambda rng: returned).draw_inputs(np.random.default_rng(0))
