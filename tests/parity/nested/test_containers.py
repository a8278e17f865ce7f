from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from parity.nested.containers import replaced, substituted, tensors


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
