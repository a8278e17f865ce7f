"""Tensors inside nested tuples, lists, dicts and dataclasses: found, named, replaced in order."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any


def _items(value: Any) -> list[tuple[str, Any]] | None:
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [(str(i), item) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    return None


def tensors(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, Any]]:
    """Yield (label, tensor) depth first; the label is the dotted path inside, `""` at the top."""
    if is_tensor(value):
        yield "", value
        return
    for key, item in _items(value) or []:
        for label, tensor in tensors(item, is_tensor):
            yield f"{key}.{label}".rstrip("."), tensor


def replaced(value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]) -> Any:
    """Return `value` with its tensors, in the order of `tensors`, replaced by the next of `new`.

    Containers on the way are copied, everything else is kept as it is.
    """
    if is_tensor(value):
        return next(new)
    items = _items(value)
    if not items or not any(True for _ in tensors(value, is_tensor)):
        return value
    changed = [replaced(item, is_tensor, new) for _, item in items]
    return _rebuilt(value, changed)


def substituted(
    value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]
) -> tuple[Any, Callable[[], None]]:
    """Replace tensors as `replaced` does, but inside lists and dicts in place.

    A function may take elements out of a list it was given, and its caller then counts on that.

    Returns:
        The value, and a function that puts the caller's own tensors back where they still are.
    """
    swaps: list[tuple[Any, Any]] = []
    held: list[Any] = []

    def swapped(value: Any) -> Any:
        if is_tensor(value):
            swaps.append((next(new), value))
            return swaps[-1][0]
        if type(value) not in (list, dict):
            return replaced(value, is_tensor, (swapped(t) for _, t in tensors(value, is_tensor)))
        held.append(value)
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            value[key] = swapped(value[key])
        return value

    def restore() -> None:
        own = {id(inside): outside for inside, outside in swaps}
        for container in held:
            for key in list(container) if isinstance(container, dict) else range(len(container)):
                container[key] = own.get(id(container[key]), container[key])

    return swapped(value), restore


def _rebuilt(value: Any, items: list[Any]) -> Any:
    if isinstance(value, dict):
        result = copy.copy(value)
        for key, item in zip(list(value), items, strict=True):
            result[key] = item
        return result
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(items)
    if isinstance(value, (tuple, list)):
        return type(value)(items)
    result = copy.copy(value)
    for field, item in zip(dataclasses.fields(value), items, strict=True):
        # object.__setattr__ because the dataclass may be frozen.
        object.__setattr__(result, field.name, item)
    return result
