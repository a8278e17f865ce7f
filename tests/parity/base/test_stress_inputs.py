from __future__ import annotations

import numpy as np
import pytest

from parity.base.stress_inputs import STRESS_INPUTS


def test_stress_inputs_do_what_they_are_named_for() -> None:
    x = np.random.default_rng(0).standard_normal((50, 50)) * 7 + 3
    assert STRESS_INPUTS["plain"](x) is x
    assert STRESS_INPUTS["low variance"](x).std() == pytest.approx(1 / 1024)
    assert STRESS_INPUTS["large offset"](x).mean() > 99
    assert STRESS_INPUTS["large magnitude"](x).std() == pytest.approx(64)
    assert (np.abs(STRESS_INPUTS["beyond float16"](x)) > 65504).mean() > 0.5
    assert np.ptp(STRESS_INPUTS["constant"](x)) == 0
    assert not STRESS_INPUTS["zeros"](x).any()
    for stress_input in STRESS_INPUTS.values():
        assert np.isfinite(stress_input(np.zeros((2, 2)))).all()


def test_stress_inputs_take_values_that_are_not_finite() -> None:
    x = np.array([np.inf, 1.0, np.nan, 3.0, -np.inf])
    for name, stress_input in STRESS_INPUTS.items():
        changed = stress_input(x)
        np.testing.assert_array_equal(np.isfinite(changed), np.isfinite(x), name)
        np.testing.assert_array_equal(changed[changed == np.inf], x[:1])
        np.testing.assert_array_equal(changed[1::2], STRESS_INPUTS[name](x[1::2]))
