"""A store returns the arrays that were added, from memory or from disk."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parity.trace.tensor_store import DistanceStore, TensorStore

ARRAYS = st.lists(
    hnp.arrays(
        dtype=st.sampled_from(["float32", "float64", "int64", "bool", "complex64"]),
        shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=5),
    ),
    max_size=6,
)


@given(ARRAYS, st.sampled_from([1, 64, 2**18]))
def test_arrays_come_back_as_they_were_and_in_order(arrays: list[np.ndarray], large: int) -> None:
    store: TensorStore[int] = TensorStore(large)
    for number, array in enumerate(arrays):
        store[number] = array
    assert list(store) == list(range(len(arrays)))
    for number in reversed(range(len(arrays))):
        array = store[number]
        assert array.dtype == arrays[number].dtype
        assert array.shape == arrays[number].shape
        assert array.tobytes() == arrays[number].tobytes()


def test_a_transposed_array_comes_back_in_its_own_order() -> None:
    store: TensorStore[str] = TensorStore(large=1)
    array = np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)
    store["x"] = array
    np.testing.assert_array_equal(store["x"], array)


@pytest.mark.parametrize("large", [1, 2**18])
def test_no_change_outside_reaches_a_stored_array(large: int) -> None:
    store: TensorStore[str] = TensorStore(large)
    array = np.zeros(3)
    store["x"] = array
    array[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        store["x"][0] = 1
    assert not store["x"].any()


def test_large_arrays_leave_memory_and_no_file_is_left_behind(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store: TensorStore[str] = TensorStore(large=100)
    store["small"], store["large"] = np.zeros(2), np.ones(1000)
    assert isinstance(store._held["small"], np.ndarray)
    assert not isinstance(store._held["large"], np.ndarray)
    assert store["large"].sum() == 1000
    del store
    assert not list(tmp_path.iterdir())  # type: ignore[attr-defined]


def test_a_distance_store_keeps_distances_from_what_the_other_store_has() -> None:
    store: TensorStore[str] = TensorStore()
    store["x"], store["flat"], store["other"] = np.ones((2, 3)), np.zeros(1), np.zeros(4)
    distances = DistanceStore(store)
    distances["flat"] = np.array(-0.25)
    distances["x"] = np.ones((2, 3)) - np.eye(2, 3) / 2
    distances["other"] = np.zeros(5)
    distances["unknown"] = np.zeros(1)
    assert dict(distances) == {"flat": 0.25, "x": 0.5}
    assert list(distances) == ["flat", "x"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_distance_store_shows_infinities_and_nan(bad: float) -> None:
    store: TensorStore[str] = TensorStore()
    store["x"] = np.zeros(3)
    distances = DistanceStore(store)
    distances["x"] = np.array([0.0, bad, 1.0])
    assert not np.isfinite(distances["x"])
