"""The leaves and the structure of what a model returns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from parity import CannotCompare
from parity.nested.outputs import as_array, output_leaves, paired, structure_of


class Tensor:
    """Stands for a framework's tensor."""


class Pair(NamedTuple):
    first: Any
    second: Any


T = Tensor()


def is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def test_every_leaf_is_found_with_its_place() -> None:
    outputs = {"a": T, "b": [1, "x", None], "c": SimpleNamespace(d=np.ones(2))}
    found = output_leaves(outputs, is_tensor)
    assert [label for label, _ in found] == ["a", "b.0", "b.1", "c.d"]
    assert output_leaves(T, is_tensor) == [("", T)]


@pytest.mark.parametrize("opaque", [iter([]), object(), lambda: T, {1, 2}])
def test_what_cannot_be_looked_into_is_refused_by_name(opaque: Any) -> None:
    with pytest.raises(CannotCompare, match=r"output a is .* which cannot be looked into"):
        output_leaves({"a": opaque}, is_tensor)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (T, "tensor"),
        ((T, None), "(tensor, None)"),
        ([T, None], "(tensor, None)"),
        ({"a": T, "b": (1, "x")}, "{a: tensor, b: (number, text)}"),
        (SimpleNamespace(a=T), "{a: tensor}"),
        (Pair(T, 2), "{first: tensor, second: number}"),
        ((), "()"),
    ],
)
def test_a_structure_is_a_short_text(value: Any, text: str) -> None:
    assert structure_of(value, is_tensor) == text


def test_an_object_inside_itself_has_a_structure() -> None:
    loop = SimpleNamespace(a=T)
    loop.b = loop
    assert structure_of(loop, is_tensor) == "{a: tensor, b: itself}"


def test_labels_are_paired_by_order_where_there_are_as_many() -> None:
    assert paired(["a", "b"], ["0", "1"]) == ["a", "b"]
    assert paired(["a"], ["0", "1"]) == ["0", "1"]
    assert paired(["a", "b"], ["b", "a"]) == ["b", "a"]


def test_floats_have_the_precision_of_the_run() -> None:
    assert as_array(0.1, "float32").dtype == np.float32
    assert as_array(0.1, "float64") == 0.1
    assert as_array(True, "float32").dtype == bool
