from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.base.call_form import CallForm


def everything(a: Any, /, b: Any, *c: Any, d: Any = 0, **e: Any) -> tuple[Any, ...]:
    return a, b, c, d, e


def by_name(a: Any, b: Any = 1, *, c: Any = 2, **others: Any) -> tuple[Any, ...]:
    return a, b, c, others


CALLS = [
    (everything, (1, 2, 3, 4), {"d": 5, "e": 6}),
    (everything, (1,), {"b": 2}),
    (by_name, (), {"b": 3, "a": 2, "others": 4}),
    (by_name, (1,), {"c": 3}),
    (by_name, (1, 2), {"z": 3}),
]


@pytest.mark.parametrize(("function", "positional", "keywords"), CALLS)
@given(step=st.integers(1, 9))
def test_values_change_and_the_form_stays(
    function: Any, positional: tuple[int, ...], keywords: dict[str, int], step: int
) -> None:
    def more(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(v + step for v in value)
        if isinstance(value, dict):
            return {key: v + step for key, v in value.items()}
        return value + step

    form = CallForm(inspect.signature(function), positional, keywords)
    new = form.with_values({name: more(value) for name, value in form.arguments.items()})
    assert new == (
        tuple(value + step for value in positional),
        {name: value + step for name, value in keywords.items()},
    )


def test_arguments_that_a_function_does_not_take_raise() -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        CallForm(inspect.signature(by_name), (), {})
