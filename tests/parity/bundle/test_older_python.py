"""The substitutes do what the newer Python, which runs these tests, does."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.bundle import older_python

TEXT = st.text("ab", max_size=4)


@given(st.lists(st.lists(st.integers(), max_size=3), max_size=3))
def test_zip(lists: list[list[int]]) -> None:
    assert list(older_python.zipped(*lists)) == list(zip(*lists, strict=False))
    try:
        expected = list(zip(*lists, strict=True))
    except ValueError:
        with pytest.raises(ValueError, match="different lengths"):
            list(older_python.zipped(*lists, strict=True))
    else:
        assert list(older_python.zipped(*lists, strict=True)) == expected


@given(st.lists(st.integers()))
def test_pairwise(items: list[int]) -> None:
    assert list(older_python.pairwise(items)) == list(itertools.pairwise(items))


@given(TEXT, TEXT)
def test_prefixes_and_suffixes(text: str, part: str) -> None:
    assert older_python.without_prefix(text, part) == text.removeprefix(part)
    assert older_python.without_suffix(text, part) == text.removesuffix(part)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({1: 2, 3: 4}, {3: 5}),
        ({1}, {2}),
        (5, 10),
        (int, str),
        (int, None),
        (Mapping[str, int], None),
    ],
)
def test_the_operator(left: Any, right: Any) -> None:
    assert older_python.either(left, right) == left | right


def test_an_update_changes_the_object_itself() -> None:
    values = {1: 2}
    assert older_python.updated(values, {3: 4}) is values
    assert values == {1: 2, 3: 4}
    assert older_python.updated(5, 10) == 15


def test_the_classes_of_a_union() -> None:
    types = older_python.classes(Union[int, None])  # noqa: UP007 - as the rewritten code has it
    assert isinstance(None, types)
    assert isinstance(1, types)
    assert not isinstance("", types)


@older_python.dataclass(frozen=True, kw_only=True)
class Example:
    first: int = 1
    second: str
    third: list[int] = field(default_factory=list)
    extra: dataclasses.InitVar[int] = 0
    inner: float = field(repr=False)

    def __post_init__(self, extra: int) -> None:
        object.__setattr__(self, "first", self.first + extra)


def test_a_dataclass_with_keywords_alone_may_have_defaults_first() -> None:
    made = Example(second="b", inner=2.0, extra=5)
    assert (made.first, made.second, made.third, made.inner) == (6, "b", [], 2.0)
    assert dataclasses.replace(made, second="c", extra=0) == Example(
        first=6, second="c", inner=2.0, third=[]
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.second = "d"


def test_a_field_without_a_default_is_required() -> None:
    with pytest.raises(TypeError, match="Example is missing the argument 'second'"):
        Example(inner=1.0)
    with pytest.raises(TypeError, match="unknown"):
        Example(second="", inner=1.0, unknown=2)
