"""The comparison of short runs in both precisions, on runs whose differences are known."""

import dataclasses

import numpy as np
import pytest

from ddpm.checkpoint import Checkpoint
from ddpm.config import preset
from ddpm_study.stages.precision import _ShortRun, compare

NAMES = ("conv.weight", "conv.bias", "key.weight", "key.bias", "out.weight")


def short_run(error, *, zero=(), residue=0.0):
    """Return a run whose every value is off by a relative error; some gradients are zero."""
    values = {name: np.full(3, 1.0 + error) for name in NAMES}
    moments = {name: np.full(3, 0.0 if name in zero else 1e-4) for name in NAMES}
    moments["key.bias"] = np.full(3, residue**2 * 1e-4)
    state = Checkpoint(
        config=preset("tiny"),
        framework="torch",
        dataset="",
        epoch=0,
        step=1,
        weights=values,
        ema=values,
        exp_avg_sq=moments,
    )
    return _ShortRun(np.ones(2) * (1 + error), state, np.full((1, 1, 2, 2), 0.5 * (1 + error)))


def pair(error, **options):
    return {"torch": short_run(0.0, **options), "jittor": short_run(error, **options)}


def test_rounding_agrees_and_a_gradient_that_cancels_is_left_out():
    result = compare(pair(1e-6), pair(2e-15, residue=1e-16))
    assert result["agree"]
    assert result["parameters"]["zero_gradient"] == ["key.bias"]
    assert len(result["parameters"]["compared"]) == 4


def test_a_difference_that_does_not_shrink_does_not_agree():
    assert not compare(pair(1e-6), pair(1e-8))["agree"]


def test_weights_that_no_gradient_reached_are_too_few_compared():
    """The first steps of a model whose last layers are zero; they agreed before this was said."""
    unreached = ("conv.weight", "conv.bias", "key.weight", "key.bias")
    result = compare(pair(1e-6), pair(2e-15, zero=unreached))
    assert all(d["is_rounding"] for d in result["discrepancies"])
    assert not result["agree"]
    assert result["parameters"]["no_gradient"] == list(unreached)


def test_a_small_gradient_is_compared_however_small_beside_those_of_other_layers():
    single, double = pair(1e-6), pair(2e-15)
    for run in double.values():
        for name in ("key.weight", "key.bias"):
            run.state.exp_avg_sq[name] = np.full(3, 1e-30)
    assert set(compare(single, double)["parameters"]["compared"]) == set(NAMES)


def test_a_gradient_that_is_zero_on_one_side_only_is_compared():
    single, double = pair(1e-6), pair(2e-15, residue=1e-16)
    double["jittor"].state.exp_avg_sq["key.bias"] = np.full(3, 1e-4)
    wrong = double["jittor"].state.weights | {"key.bias": np.full(3, 1.1)}
    state = dataclasses.replace(double["jittor"].state, weights=wrong)
    double["jittor"] = dataclasses.replace(double["jittor"], state=state)
    result = compare(single, double)
    assert result["parameters"]["zero_gradient"] == []
    assert not result["agree"]


@pytest.mark.parametrize("side", ["torch", "jittor"])
def test_gradients_that_are_no_numbers_do_not_agree(side):
    single, double = pair(1e-6), pair(2e-15)
    double[side].state.exp_avg_sq["conv.weight"] = np.full(3, np.nan)
    nan = double[side].state.weights | {"conv.weight": np.full(3, np.nan)}
    state = dataclasses.replace(double[side].state, weights=nan)
    double[side] = dataclasses.replace(double[side], state=state)
    assert not compare(single, double)["agree"]
