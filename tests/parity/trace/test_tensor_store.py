"""A shelf gives back what was put on it, from memory or from disk."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parity.trace.tensor_store import Ruler, Shelf

ARRAYS = st.lists(
    hnp.arrays(
        dtype=st.sampled_from(["float32", "float64", "int64", "bool", "complex64"]),
        shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=5),
    ),
    max_size=6,
)


@given(ARRAYS, st.sampled_from([1, 64, 2**18]))
def test_arrays_come_back_as_they_were_and_in_order(arrays: list[np.ndarray], large: int) -> None:
    shelf: Shelf[int] = Shelf(large)
    for number, array in enumerate(arrays):
        shelf[number] = array
    assert list(shelf) == list(range(len(arrays)))
    for number in reversed(range(len(arrays))):
        found = shelf[number]
        assert found.dtype == arrays[number].dtype
        assert found.shape == arrays[number].shape
        assert found.tobytes() == arrays[number].tobytes()


def test_a_part_of_an_array_comes_back_in_its_own_order() -> None:
    shelf: Shelf[str] = Shelf(large=1)
    array = np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)
    shelf["x"] = array
    np.testing.assert_array_equal(shelf["x"], array)


@pytest.mark.parametrize("large", [1, 2**18])
def test_nothing_done_outside_changes_what_is_held(large: int) -> None:
    shelf: Shelf[str] = Shelf(large)
    array = np.zeros(3)
    shelf["x"] = array
    array[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        shelf["x"][0] = 1
    assert not shelf["x"].any()


def test_large_arrays_leave_memory_and_no_file_is_left_behind(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shelf: Shelf[str] = Shelf(large=100)
    shelf["small"], shelf["large"] = np.zeros(2), np.ones(1000)
    assert isinstance(shelf._held["small"], np.ndarray)
    assert not isinstance(shelf._held["large"], np.ndarray)
    assert shelf["large"].sum() == 1000
    del shelf
    assert not list(tmp_path.iterdir())  # type: ignore[attr-defined]


def test_a_ruler_keeps_distances_alone_and_of_what_the_shelf_has() -> None:
    shelf: Shelf[str] = Shelf()
    shelf["x"], shelf["flat"], shelf["other"] = np.ones((2, 3)), np.zeros(1), np.zeros(4)
    ruler = Ruler(shelf)
    ruler["flat"] = np.array(-0.25)
    ruler["x"] = np.ones((2, 3)) - np.eye(2, 3) / 2
    ruler["other"] = np.zeros(5)
    ruler["unknown"] = np.zeros(1)
    assert dict(ruler) == {"flat": 0.25, "x": 0.5}
    assert list(ruler) == ["flat", "x"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_ruler_shows_what_is_not_finite(bad: float) -> None:
    shelf: Shelf[str] = Shelf()
    shelf["x"] = np.zeros(3)
    ruler = Ruler(shelf)
    ruler["x"] = np.array([0.0, bad, 1.0])
    assert not np.isfinite(ruler["x"])
