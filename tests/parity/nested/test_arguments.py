"""Arguments of a call: arrays by label, and everything around them as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parity import CannotCompare
from parity.nested.arguments import arguments_of, forward_function, side_names

A, B = np.ones((2, 3), np.float32), np.arange(4)


def test_arrays_have_labels_by_name_position_and_place() -> None:
    assert list(arguments_of({"x": A, "parts": [B, {"y": A}], "n": 3}).arrays()) == [
        "x", "parts.0", "parts.1.y",
    ]  # fmt: skip
    assert list(arguments_of((A, [B])).arrays()) == ["0", "1.0"]
    assert list(arguments_of(A).arrays()) == ["0"]


def test_other_tensors_take_the_arrays_places() -> None:
    given = arguments_of({"x": A, "parts": (B, None, "text", 2.5), "flag": True})
    positional, keywords = given.filled({"x": "X", "parts.0": "P"})
    assert positional == ()
    assert keywords == {"x": "X", "parts": ("P", None, "text", 2.5), "flag": True}
    positional, keywords = arguments_of([A, 1]).filled({"0": "X"})
    assert (positional, keywords) == (("X", 1), {})


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, requires_grad=True),
        torch.ones(2, dtype=torch.complex64),
        torch.ones(2, dtype=torch.int64),
    ],
)
def test_tensors_of_a_framework_become_arrays(tensor: torch.Tensor) -> None:
    array = arguments_of({"x": tensor}).arrays()["x"]
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, np.ones(2))


@pytest.mark.parametrize(
    ("drawn", "text"),
    [
        ({"x": object()}, "input 'x' is object"),
        ({"x": [A, {1, 2}]}, "input 'x.1' is set"),
        ({"x": np.array(["a"])}, "input 'x' is an array of <U1"),
        ({"x": np.array([np.nan])}, "input 'x' holds NaN"),
        ({1: A}, "keys are not argument names"),
        ((), "inputs returned tuple without an array"),
    ],
)
def test_what_both_sides_cannot_be_given_is_named(drawn: Any, text: str) -> None:
    with pytest.raises(CannotCompare, match=text):
        arguments_of(drawn)


def test_infinities_are_taken_because_masks_hold_them() -> None:
    assert np.isinf(arguments_of({"mask": np.array([0, -np.inf])}).arrays()["mask"][1])


def takes(image: Any, mask: Any, scale: float = 1.0) -> None:
    """Stand for a side's forward."""


@pytest.mark.parametrize(
    ("keywords", "number", "given", "names"),
    [
        (["image", "mask"], 0, {}, {"image": "image", "mask": "mask"}),
        (["x", "m"], 0, {}, {"x": "image", "m": "mask"}),
        (["x", "mask"], 0, {}, {"x": "image", "mask": "mask"}),
        (["m"], 1, {}, {"m": "mask"}),
        (["x", "y"], 0, {"x": "mask", "y": "image"}, {"x": "mask", "y": "image"}),
        (["image", "mask", "scale"], 0, {}, {"image": "image", "mask": "mask", "scale": "scale"}),
    ],
)
def test_names_that_a_side_lacks_are_matched_in_order(
    keywords: list[str], number: int, given: dict[str, str], names: dict[str, str]
) -> None:
    assert side_names(takes, dict.fromkeys(keywords), number, given) == names


def test_names_that_could_be_anything_are_refused() -> None:
    with pytest.raises(CannotCompare, match=r"takes \(image: .* say which argument is which"):
        side_names(takes, {"x": A}, 0, {})
    assert side_names(lambda **others: None, {"x": A}, 0, {}) == {"x": "x"}
    assert side_names(int, {"x": A}, 0, {}) == {"x": "x"}  # a signature that cannot be read


def test_the_forward_function_of_either_framework_counts() -> None:
    class Torch:
        def forward(self) -> None: ...

    class Jittor:
        def execute(self) -> None: ...

    assert forward_function(Torch()).__name__ == "forward"
    assert forward_function(Jittor()).__name__ == "execute"
    assert forward_function(takes) is takes
