"""Arguments of a call: arrays by label, and everything around them as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from parity import CannotCompare
from parity.nested.arguments import SideNames, arguments_of, forward_function, side_names

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
    ("keywords", "order", "given", "names"),
    [
        (["image", "mask"], [], {}, {"image": "image", "mask": "mask"}),
        (["x", "m"], [], {}, {"x": "image", "m": "mask"}),
        (["m", "x"], ["x", "m"], {}, {"x": "image", "m": "mask"}),
        (["x", "mask"], [], {}, {"x": "image", "mask": "mask"}),
        (["x", "y"], [], {"x": "mask", "y": "image"}, {"x": "mask", "y": "image"}),
        (["x", "y"], [], {"x": "mask"}, {"x": "mask", "y": "image"}),
        (["image", "mask", "scale"], [], {}, {"image": "image", "mask": "mask", "scale": "scale"}),
    ],
)
def test_names_that_a_side_lacks_are_matched_in_order(
    keywords: list[str], order: list[str], given: dict[str, str], names: dict[str, str]
) -> None:
    assert side_names(takes, keywords, given, order) == SideNames(names, [])


def only_default(image: Any = None) -> None: ...


def by_position_only(image: Any, /) -> None: ...


def any_number(*images: Any) -> None: ...


def named_and_others(image: Any, **others: Any) -> None: ...


@pytest.mark.parametrize(
    ("call", "passed"),
    [
        (only_default, ((), {"image": A})),
        (by_position_only, ((A,), {})),
        (any_number, ((A,), {})),
        (named_and_others, ((), {"image": A})),
    ],
)
def test_a_single_argument_finds_its_parameter(call: Any, passed: Any) -> None:
    assert side_names(call, ["x"], {}).passed((), {"x": A}) == passed


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"x": "imagee"}, "and argument_names says 'imagee'"),
        ({"x": "image", "y": "image"}, "two arguments would be passed as one"),
    ],
)
def test_names_that_the_user_got_wrong_are_refused(given: dict[str, str], text: str) -> None:
    with pytest.raises(CannotCompare, match=text):
        side_names(takes, ["x", "y"], given)


def test_names_that_could_be_anything_are_refused() -> None:
    with pytest.raises(CannotCompare, match=r"takes \(image: .* say which argument is which"):
        side_names(takes, ["x"], {})
    assert side_names(lambda **others: None, ["x"], {}).names == {"x": "x"}
    assert side_names(int, ["x"], {}).names == {"x": "x"}  # a signature that cannot be read


def test_a_model_may_change_the_containers_that_it_is_given() -> None:
    arguments = arguments_of({"x": A, "sizes": [1, 2], "cache": []})
    for _ in range(2):
        _, keywords = arguments.filled({"x": A})
        assert keywords["sizes"].pop() == 2
        keywords["cache"].append(A)
        assert len(keywords["cache"]) == 1


def test_the_forward_function_of_either_framework_counts() -> None:
    class Torch:
        def forward(self) -> None: ...

    class Jittor:
        def execute(self) -> None: ...

    assert forward_function(Torch()).__name__ == "forward"
    assert forward_function(Jittor()).__name__ == "execute"
    assert forward_function(takes) is takes
