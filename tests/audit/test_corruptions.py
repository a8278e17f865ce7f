"""Each way to spoil an array changes what can be changed, and only that."""

from __future__ import annotations

import numpy as np
import pytest

from audit.corruptions import SPOILINGS, spoils

X = np.linspace(-3, 2, 6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", SPOILINGS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_is_spoiled_as_a_copy_in_its_own_dtype(name: str, dtype: str) -> None:
    x = X.astype(dtype)
    found = SPOILINGS[name](x)
    assert found.dtype == dtype
    assert (found.shape == x.shape) is (name != "wrong shape")
    assert spoils(SPOILINGS[name], x)
    np.testing.assert_array_equal(x, X)


def test_how_much_is_spoiled() -> None:
    found = {name: spoil(X) for name, spoil in SPOILINGS.items()}
    assert sorted(found["shuffled"].ravel()) == sorted(X.ravel())
    assert not found["zeroed"].any()
    assert np.isnan(found["one NaN"]).sum() == 1
    assert found["1 % off"] == pytest.approx(X * 1.01)
    assert (found["one element wrong"] != X).sum() == 1
    assert np.abs(found["one element wrong"] - X).max() == pytest.approx(3)


@pytest.mark.parametrize(
    ("x", "able"),
    [
        (np.array(3.0), {"zeroed", "one NaN", "wrong shape", "1 % off", "one element wrong"}),
        (np.zeros(4), {"one NaN", "wrong shape", "one element wrong"}),
        (np.arange(4), {"shuffled", "zeroed", "wrong shape", "1 % off", "one element wrong"}),
        (np.zeros((0, 3)), {"wrong shape"}),
    ],
    ids=["a number", "zeros", "whole numbers", "nothing"],
)
def test_what_cannot_be_spoiled_is_known(x: np.ndarray, able: set[str]) -> None:
    assert {name for name, spoil in SPOILINGS.items() if spoils(spoil, x)} == able
