"""Spread, difference and horizon of curves whose distances are known."""

import numpy as np
import pytest

from ddpm_study.stages.ensemble import spread


def test_the_horizon_is_the_first_step_at_which_one_ulp_has_grown_to_the_limit():
    base = np.ones(6)
    member = base * (1 + np.array([1e-7, 1e-5, 1e-3, 2e-2, 1e-3, 1e-3]))
    own = {"torch": base, "jittor": base * (1 + np.array([5e-8, 2e-5, 5e-4, 0, 0, 0]))}
    found = spread(own, {"torch": [member], "jittor": []}, 6)
    assert found["horizon"] == 3
    assert found["within"] == pytest.approx(2 / 3)
    assert found["spread"][2] == pytest.approx(1e-3)
    assert found["difference"][1] == pytest.approx(2e-5)


def test_each_member_is_compared_with_its_own_side():
    own = {"torch": np.ones(3), "jittor": np.full(3, 2.0)}
    found = spread(own, {"torch": [np.ones(3)], "jittor": [np.full(3, 2.0)]}, 3)
    assert found["spread"] == [0, 0, 0]
    assert found["difference"] == [1, 1, 1]
    assert found["horizon"] is None
    assert found["within"] == 0
