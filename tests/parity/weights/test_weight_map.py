"""Weights that are moved, checked to be one to one, and gradients on their way back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import CannotCompare
from parity.weights import (
    Weight,
    by_head,
    concat,
    evaluate,
    interleave,
    permute,
    reshape,
    split,
    transpose,
)
from parity.weights.weight_map import WeightMap

SHAPES = {"q": (4, 3), "k": (4, 3), "v": (4, 3), "c": (2, 3, 5, 5), "b": (6,)}
ARRAYS = {path: np.random.default_rng(0).standard_normal(shape) for path, shape in SHAPES.items()}
Q, K, V = (ARRAYS[name] for name in "qkv")


def mapped(weights: dict[str, Weight]) -> WeightMap:
    shapes = {n: evaluate(w, lambda path: ARRAYS[path]).shape for n, w in weights.items()}
    return WeightMap(weights, SHAPES, shapes)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"qkv": concat("q", "k", "v")}, {"qkv": np.concatenate([Q, K, V])}),
        ({"t": transpose("q")}, {"t": Q.T}),
        ({"c": transpose("c")}, {"c": ARRAYS["c"].transpose(1, 0, 2, 3)}),
        ({"p": permute("c", (2, 3, 1, 0))}, {"p": ARRAYS["c"].transpose(2, 3, 1, 0)}),
        ({"r": reshape("q", 2, 6)}, {"r": Q.reshape(2, 6)}),
        (
            {"a": split("b", 0, 2), "z": split("b", 1, 2)},
            {"a": ARRAYS["b"][:3], "z": ARRAYS["b"][3:]},
        ),
        ({"x": transpose(concat("q", "k", axis=1))}, {"x": np.concatenate([Q, K], 1).T}),
        (
            {"h": by_head("q", "k", "v", heads=2)},
            {"h": np.concatenate([Q[:2], K[:2], V[:2], Q[2:], K[2:], V[2:]])},
        ),
        (
            {"i": interleave("q", "k")},
            {"i": np.stack([Q[0], K[0], Q[1], K[1], Q[2], K[2], Q[3], K[3]])},
        ),
    ],
)  # fmt: skip
def test_weights_are_made_and_gradients_come_back(
    weights: dict[str, Weight], expected: dict[str, Any]
) -> None:
    found = mapped(weights)
    made = found.to_candidate(ARRAYS)
    for name, array in expected.items():
        np.testing.assert_array_equal(made[name], array)
    # The map moves elements, so its way back undoes it.
    for path, array in found.to_reference(made).items():
        np.testing.assert_array_equal(array, ARRAYS[path])


@given(st.permutations(["q", "k", "v"]), st.integers(0, 1))
def test_the_way_back_is_the_adjoint(order: list[str], axis: int) -> None:
    """<map(x), y> = <x, back(y)> for any y: what a gradient needs."""
    found = mapped({"all": concat(*order, axis=axis)})
    up = np.random.default_rng(1).standard_normal(found.to_candidate(ARRAYS)["all"].shape)
    forward = float((found.to_candidate(ARRAYS)["all"] * up).sum())
    backward = sum(float((ARRAYS[p] * g).sum()) for p, g in found.to_reference({"all": up}).items())
    assert forward == pytest.approx(backward, rel=1e-12)


@pytest.mark.parametrize(
    ("weights", "shapes", "text"),
    [
        ({"w": concat("q", "nowhere")}, {"w": (8, 3)}, "the reference has no parameter 'nowhere'"),
        ({"w": "q"}, {}, "the candidate has no parameter 'w'"),
        ({"w": concat("q", "k")}, {"w": (3, 8)}, r"what is made for it is \(8, 3\)"),
        ({"w": concat("q", "b")}, {"w": (8, 3)}, "'w' cannot be made: ValueError"),
        ({"w": concat("q", "q")}, {"w": (8, 3)}, "0 elements are used nowhere and 12 more than"),
        ({"w": split("q", 0, 2)}, {"w": (2, 3)}, "of 'q', 6 elements are used nowhere and 0 more"),
    ],
)
def test_what_is_not_one_to_one_is_refused(
    weights: dict[str, Weight], shapes: dict[str, Any], text: str
) -> None:
    with pytest.raises(CannotCompare, match=text):
        WeightMap(weights, SHAPES, shapes)
