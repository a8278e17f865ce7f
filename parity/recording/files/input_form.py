"""The arguments of a model's call as JSON, with their arrays beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from parity.base.numerics import Array
from parity.nested.arguments import Arguments


class _UnknownError(Exception):
    """There is a container that JSON does not have."""


def form_of(arguments: Arguments) -> dict[str, Any] | None:
    """Return arguments as JSON values; None where they hold a container of another kind.

    Arrays become marks that `inputs_of` fills in order.
    """
    try:
        return {
            "positional": [_form(value) for value in arguments.positional],
            "keywords": {name: _form(value) for name, value in arguments.keywords.items()},
        }
    except _UnknownError:
        return None


def inputs_of(values: Mapping[str, Any], arrays: Mapping[str, Array]) -> Arguments:
    """Return the arguments of JSON values that `form_of` made.

    Args:
        values: from `form_of`.
        arrays: in the order of `Arguments.arrays`.
    """
    left = iter(arrays.values())
    positional = tuple(_value(value, left) for value in values["positional"])
    return Arguments(positional, {n: _value(v, left) for n, v in values["keywords"].items()})


def _form(value: Any) -> Any:
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return {"array": True}
    if value is None or isinstance(value, (bool, int, float, str)):
        return {"plain": value}
    for kind in (tuple, list):
        if type(value) is kind:
            return {kind.__name__: [_form(item) for item in value]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {"dict": [[key, _form(item)] for key, item in value.items()]}
    raise _UnknownError


def _value(form: Mapping[str, Any], arrays: Iterator[Array]) -> Any:
    ((kind, inside),) = form.items()
    if kind == "array":
        return next(arrays)
    if kind == "plain":
        return inside
    if kind == "dict":
        return {key: _value(item, arrays) for key, item in inside}
    items = [_value(item, arrays) for item in inside]
    return tuple(items) if kind == "tuple" else items
