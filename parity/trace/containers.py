"""Finds and replaces the tensors inside nested tuples, lists, dicts and dataclasses."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any


def _items(value: Any) -> list[tuple[str, Any]] | None:
    """Return (key, item) of a container's items; None for what is no container."""
    if isinstance(value, dict):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [(str(i), item) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    return None


def tensors(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, Any]]:
    """Yield (label, tensor) depth first; a label is the dotted path inside `value`, `""` for it."""
    if is_tensor(value):
        yield "", value
        return
    for key, item in _items(value) or []:
        for label, tensor in tensors(item, is_tensor):
            yield f"{key}.{label}".rstrip("."), tensor


def replaced(value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]) -> Any:
    """Return `value` with its tensors, in the order of `tensors`, replaced by those of `new`.

    Containers that hold a tensor are copied; everything else is kept as it is.
    """
    if is_tensor(value):
        return next(new)
    items = _items(value)
    if not items or not any(True for _ in tensors(value, is_tensor)):
        return value
    return _rebuilt(value, [replaced(item, is_tensor, new) for _, item in items])


def substituted(
    value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]
) -> tuple[Any, Callable[[], None]]:
    """Replace tensors as `replaced` does, but inside lists and dicts in place.

    A function may remove elements from a list that it was given, and its caller may rely on that.

    Returns:
        The value, and a function that puts the original tensors back where the new ones still are.
    """
    replacements: list[tuple[Any, Any]] = []  # (new, original)
    changed: list[Any] = []  # lists and dicts

    def substitute(value: Any) -> Any:
        if is_tensor(value):
            replacements.append((next(new), value))
            return replacements[-1][0]
        if type(value) not in (list, dict):
            return replaced(value, is_tensor, (substitute(t) for _, t in tensors(value, is_tensor)))
        changed.append(value)
        for key in _keys(value):
            value[key] = substitute(value[key])
        return value

    def restore() -> None:
        originals = {id(replacement): original for replacement, original in replacements}
        for container in changed:
            for key in _keys(container):
                container[key] = originals.get(id(container[key]), container[key])

    return substitute(value), restore


def _keys(container: Any) -> Any:
    return list(container) if isinstance(container, dict) else range(len(container))


def _rebuilt(value: Any, items: list[Any]) -> Any:
    """Return a container of the same kind with other items."""
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
