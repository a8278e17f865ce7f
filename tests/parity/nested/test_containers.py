from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

from parity.nested.containers import copied, leaves, replaced, substituted, tensors


class Two(NamedTuple):
    a: Any
    b: Any


@dataclass(frozen=True)
class Box:
    inside: Any


def is_number(value: object) -> bool:
    return isinstance(value, float)


NESTED = {"x": [1.0, (2.0, "text")], "y": Two(3.0, None), "z": Box(4.0)}


def test_tensors_are_named_by_their_way_in() -> None:
    labels = [label for label, _ in tensors(NESTED, is_number)]
    assert labels == ["x.0", "x.1.0", "y.0", "z.inside"]
    assert list(tensors(5.0, is_number)) == [("", 5.0)]


def test_replacing_keeps_every_container_and_leaves_the_original() -> None:
    new = replaced(NESTED, is_number, iter([10.0, 20.0, 30.0, 40.0]))
    assert new == {"x": [10.0, (20.0, "text")], "y": Two(30.0, None), "z": Box(40.0)}
    assert NESTED["x"] == [1.0, (2.0, "text")]


def test_what_a_function_takes_out_of_a_list_stays_out() -> None:
    skips = [1.0, 2.0, 3.0]
    argument, restore = substituted({"skips": skips}, is_number, iter([10.0, 20.0, 30.0]))
    assert argument["skips"] is skips
    assert skips.pop() == 30.0
    restore()
    assert skips == [1.0, 2.0]


def test_labels_are_unique() -> None:
    assert [label for label, _ in tensors({1: 1.0, "1": 2.0}, is_number)] == ["1", "1#2"]
    alike = {"a.b": 1.0, "a": {"b": 2.0}}
    assert [label for label, _ in tensors(alike, is_number)] == ["a.b", "a.b#2"]


def test_an_attribute_that_a_function_sets_stays_set() -> None:
    cache = SimpleNamespace(key=1.0, value=2.0)
    argument, restore = substituted({"cache": cache}, is_number, iter([10.0, 20.0]))
    assert argument["cache"] is cache
    assert (cache.key, cache.value) == (10.0, 20.0)
    cache.key = 3.0
    restore()
    assert (cache.key, cache.value) == (3.0, 2.0)


def test_a_frozen_dataclass_is_what_it_was() -> None:
    box = Box(1.0)
    argument, restore = substituted({"box": box}, is_number, iter([10.0]))
    assert argument["box"].inside == 10.0
    restore()
    assert box == Box(1.0)


def test_every_container_is_copied() -> None:
    value = {"x": 1.0, "sizes": [1, 2], "rest": deque([3], maxlen=2)}
    new = copied(value, is_number, iter([10.0]))
    assert new == {"x": 10.0, "sizes": [1, 2], "rest": deque([3])}
    assert new["sizes"] is not value["sizes"]
    assert new["rest"].maxlen == 2


def test_objects_that_hold_each_other_are_looked_into_a_few_times() -> None:
    objects = [SimpleNamespace(number=float(number)) for number in range(12)]
    for one in objects:
        one.others = [list(objects)]  # a list of its own
    found = [leaf for _, leaf in leaves(objects[0], is_number)]
    assert set(found) == set(map(float, range(12)))
    assert len(found) <= 12 * 8
