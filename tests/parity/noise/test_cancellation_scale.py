"""Sums whose terms cancel are judged by their terms."""

from __future__ import annotations

import numpy as np

from parity.limits import FLOAT32_EPSILON
from parity.noise import cancellation_scale
from parity.trace.sites import Tap, TensorSite, of_parameter

QUERY = of_parameter("optimizer", "attention.query.w", "state", group="exp_avg", scope="step")
VALUE = of_parameter("optimizer", "attention.value.w", "state", group="exp_avg", scope="step")
ELSEWHERE = of_parameter("optimizer", "other.w", "state", group="exp_avg", scope="step")
WEIGHT = of_parameter("optimizer", "attention.value.w", "state", group="weights", scope="step")


def tapped(path: str, port: str, phase: str = "forward") -> TensorSite:
    tap = Tap(path, 0, port, "")  # type: ignore[arg-type]
    quantity = port if phase == "forward" else f"{port}_gradient"
    return TensorSite(phase, path, quantity, "", path, tap=tap)  # type: ignore[arg-type]


def test_a_gradient_may_be_as_large_as_gradients_times_values_twice() -> None:
    output, gradient = tapped("a", "output"), tapped("a", "input", "backward")
    scale = cancellation_scale.of_modules(
        {output: np.array([0.5, -3.0]), gradient: np.array([2.0])}, 1.0, {}
    )
    assert scale(gradient) == 2 * 3**2
    assert scale(of_parameter("backward", "a.weight", "parameter_gradient")) == 2 * 3**2
    assert scale(of_parameter("backward", "a.inner.weight", "parameter_gradient")) == 2 * 3**2
    assert scale(output) == 0


def test_a_vanishing_gradient_is_measured_by_what_the_run_puts_in() -> None:
    output, gradient = tapped("a", "output"), tapped("a", "input", "backward")
    values = {output: np.array([0.1]), gradient: np.array([1e-20])}
    assert cancellation_scale.of_modules(values, 1.0, {})(gradient) == 1
    assert cancellation_scale.of_modules(values, 0.0, {})(gradient) == 1e-20


def test_the_value_that_went_on_counts_and_not_the_one_that_arrived() -> None:
    entered, gradient = tapped("a", "input"), tapped("a", "input", "backward")
    values = {entered: np.array([1.0]), gradient: np.array([1.0])}
    assert entered.tap is not None
    passed = {entered.tap: np.array([100.0])}
    assert cancellation_scale.of_modules(values, 1.0, passed)(gradient) == 100**2


def test_integers_and_overflows_have_no_magnitude() -> None:
    output, gradient = tapped("a", "output"), tapped("a", "input", "backward")
    for array in (np.array([10**6]), np.array([np.inf])):
        scale = cancellation_scale.of_modules({output: array, gradient: np.ones(1)}, 1.0, {})
        assert scale(gradient) == 1


def test_state_of_less_than_an_ulp_is_measured_by_its_siblings() -> None:
    arrays = {QUERY: np.full(3, 0.5 * FLOAT32_EPSILON), VALUE: np.ones(3), ELSEWHERE: np.full(3, 9)}
    scale = cancellation_scale.of_groups(arrays)
    assert scale(QUERY) == 1
    assert scale(VALUE) == 1
    assert cancellation_scale.of_groups({**arrays, QUERY: np.full(3, 1e-3)})(QUERY) == 1e-3


def test_another_kind_of_state_is_no_measure() -> None:
    scale = cancellation_scale.of_groups({QUERY: np.zeros(3), WEIGHT: np.full(3, 1e9)})
    assert scale(QUERY) == 0


def test_none_leaves_a_tensor_its_own_size() -> None:
    assert cancellation_scale.none(QUERY) == 0
