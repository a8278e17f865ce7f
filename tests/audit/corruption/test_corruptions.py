"""Each corruption changes an array where it can, and leaves the original alone."""

from __future__ import annotations

import numpy as np
import pytest

from audit.corruption.corruptions import CORRUPTIONS, changes

X = np.linspace(-3, 2, 6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_is_corrupted_as_a_copy_in_its_own_dtype(name: str, dtype: str) -> None:
    x = X.astype(dtype)
    corrupted = CORRUPTIONS[name](x)
    assert corrupted.dtype == dtype
    assert (corrupted.shape == x.shape) is (name != "wrong shape")
    assert changes(CORRUPTIONS[name], x)
    np.testing.assert_array_equal(x, X)


def test_each_corruption_has_its_size() -> None:
    corrupted = {name: corrupt(X) for name, corrupt in CORRUPTIONS.items()}
    assert sorted(corrupted["shuffled"].ravel()) == sorted(X.ravel())
    assert not corrupted["zeroed"].any()
    assert np.isnan(corrupted["one NaN"]).sum() == 1
    assert corrupted["1 % off"] == pytest.approx(X * 1.01)
    assert (corrupted["one element wrong"] != X).sum() == 1
    assert np.abs(corrupted["one element wrong"] - X).max() == pytest.approx(3)


@pytest.mark.parametrize(
    ("x", "changing"),
    [
        (np.array(3.0), {"zeroed", "one NaN", "wrong shape", "1 % off", "one element wrong"}),
        (np.zeros(4), {"one NaN", "wrong shape", "one element wrong"}),
        (np.arange(4), {"shuffled", "zeroed", "wrong shape", "1 % off", "one element wrong"}),
        (np.zeros((0, 3)), {"wrong shape"}),
    ],
    ids=["a number", "zeros", "integers", "empty"],
)
def test_corruptions_that_change_nothing_are_known(x: np.ndarray, changing: set[str]) -> None:
    assert {name for name, corrupt in CORRUPTIONS.items() if changes(corrupt, x)} == changing
