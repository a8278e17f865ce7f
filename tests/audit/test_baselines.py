"""Each rule passes and fails what its tool does, on numbers chosen by hand."""

from __future__ import annotations

import numpy as np
import pytest

from audit.baselines import RULES

ONES = np.ones(1000, np.float32)
ONE_OFF, ONE_NAN = ONES.copy(), ONES.copy()
ONE_OFF[3], ONE_NAN[3] = 1.0001, np.nan
RISING = np.arange(1000, dtype=np.float32) / 1000


@pytest.mark.parametrize("name", RULES)
def test_a_tensor_agrees_with_itself(name: str) -> None:
    assert RULES[name](RISING.astype(np.float64), RISING, RISING)


@pytest.mark.parametrize(
    ("a", "b", "passing"),
    [
        (ONES, ONE_OFF, {"reprod_log", "TorchDynamo", "AlgoPerf"}),
        (ONES, ONE_NAN, {"reprod_log"}),
        (RISING, RISING[::-1].copy(), {"PaDiff"}),
    ],
    ids=["one element", "one NaN", "another order"],
)
def test_each_rule_has_its_blind_spots(a: np.ndarray, b: np.ndarray, passing: set[str]) -> None:
    exact = a.astype(np.float64)
    passed = {name.split(",")[0] for name, rule in RULES.items() if rule(exact, a, b)}
    assert passed == passing
