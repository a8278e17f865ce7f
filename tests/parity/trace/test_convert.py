from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from parity import CannotCompare
from parity.trace import convert


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_round_trip_is_bitwise(precision: str) -> None:
    source, target = model().to(getattr(__import__("torch"), precision)), model()
    values = convert.to_numpy(source)
    convert.load(target, values)
    found = convert.to_numpy(target)
    assert list(found) == list(values)
    for path, array in values.items():
        assert found[path].dtype == array.dtype
        assert np.array_equal(found[path], array)


def test_every_key_that_does_not_fit_is_named_and_nothing_changes() -> None:
    target = model()
    before = convert.to_numpy(target)
    values = {**before, "0.weight": np.zeros((3, 4)), "extra": np.zeros(1)}
    del values["0.bias"]
    with pytest.raises(CannotCompare) as caught:
        convert.load(target, values)
    for text in (
        "missing: 0.bias",
        "unexpected: extra",
        "misshapen: 0.weight is (3, 4), and (3, 3)",
    ):
        assert text in str(caught.value)
    assert all(np.array_equal(before[path], a) for path, a in convert.to_numpy(target).items())
