"""The leaves and the structure of what a model returns."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

from parity import CannotCompare
from parity.nested.outputs import (
    OutputLeaf,
    as_array,
    matched_outputs,
    output_leaves,
    paired,
    structure_of,
)


class Tensor:
    """Stands for a framework's tensor."""

    shape = (3,)


class Pair(NamedTuple):
    first: Any
    second: Any


T = Tensor()


def is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def test_every_leaf_is_found_with_its_place() -> None:
    outputs = {"a": T, "b": [1, "x", None], "c": SimpleNamespace(d=np.ones(2))}
    found = output_leaves(outputs, is_tensor)
    assert [leaf.label for leaf in found] == ["a", "b.0", "b.1", "c.d"]
    assert [leaf.is_tensor for leaf in found] == [True, False, False, False]
    assert output_leaves(T, is_tensor) == [OutputLeaf("", "", True, T, (3,))]
    assert [leaf.name for leaf in output_leaves([Pair(T, T)], is_tensor)] == [
        "0.first",
        "0.second",
    ]


@pytest.mark.parametrize("opaque", [iter([]), object(), lambda: T, {T}, np.array([None])])
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
    assert str(structure_of(value, is_tensor)) == text


def test_an_object_inside_itself_has_a_structure() -> None:
    loop = SimpleNamespace(a=T)
    loop.b = loop
    assert str(structure_of(loop, is_tensor)) == "{a: tensor, b: itself}"


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        ({"a": T, "b": 1}, {"b": 1, "a": T}, True),
        (Pair(T, 1), (T, 1), True),
        (Pair(T, 1), {"second": 1, "first": T}, True),
        ([T], (T,), True),
        ([T], deque([T]), True),
        ([T], {"0": T}, False),
        ({"a": T}, {"b": T}, False),
        ((T, None), (T,), False),
        ((T, None), (T, T), False),
        ((T, 1), (T, "1"), False),
    ],
)
def test_structures_are_alike_where_callers_find_the_same(
    one: Any, other: Any, are_alike: bool
) -> None:
    structures = structure_of(one, is_tensor), structure_of(other, is_tensor)
    assert structures[0].is_like(structures[1]) is are_alike
    assert structures[1].is_like(structures[0]) is are_alike


def leaf(label: str, *shape: int, name: str = "", is_tensor: bool = True) -> OutputLeaf:
    return OutputLeaf(label, name or label, is_tensor, None, shape)


@pytest.mark.parametrize(
    ("reference", "candidate", "labels"),
    [
        ([leaf("", 3)], [leaf("y", 3)], {"y": ""}),
        ([leaf("a", 3), leaf("b", 2)], [leaf("x", 2), leaf("a", 3)], {"a": "a", "x": "b"}),
        ([leaf("0", 3, name="a")], [leaf("b", 3), leaf("a", 3)], {"a": "0"}),
        ([leaf("", 3)], [leaf("0", 3), leaf("1", 2)], {"0": ""}),
        ([leaf("", 3)], [leaf("0", 3), leaf("1", 3)], {}),
    ],
)
def test_outputs_are_matched_where_that_is_no_guess(
    reference: list[OutputLeaf], candidate: list[OutputLeaf], labels: dict[str, str]
) -> None:
    own, others = matched_outputs(reference, candidate)
    assert others.labels == labels
    assert own.labels == {label: label for label in labels.values()}


def test_a_number_for_a_tensor_has_no_gradient_to_compare() -> None:
    own, _ = matched_outputs([leaf("0"), leaf("1")], [leaf("0"), leaf("1", is_tensor=False)])
    assert own.tensors == {"0"}


def test_labels_are_paired_by_order_where_there_are_as_many() -> None:
    assert paired(["a", "b"], ["0", "1"]) == ["a", "b"]
    assert paired(["a"], ["0", "1"]) == ["0", "1"]
    assert paired(["a", "b"], ["b", "a"]) == ["b", "a"]
    assert paired(["x", "t"], ["emb", "x"]) == ["t", "x"]


def test_floats_have_the_precision_of_the_run() -> None:
    assert as_array(0.1, "float32").dtype == np.float32
    assert as_array(0.1, "float64") == 0.1
    assert as_array(True, "float32").dtype == bool
