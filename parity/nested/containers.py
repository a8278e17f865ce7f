"""Finds and replaces the tensors inside nested containers, and objects that hold some.

Tuples, lists, dicts, dataclasses, and objects with attributes are looked into; a user adds a kind
of container with `register_container`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# A container's items as (key, item); None for what is no container.
Items = list[tuple[str, Any]] | None


class _Rule(NamedTuple):
    """The items of a kind of container, and one like it; see `register_container`."""

    kind: type
    items: Callable[[Any], Mapping[str, Any]]
    rebuild: Callable[[Any, Sequence[Any]], Any]


_RULES: list[_Rule] = []
# Objects that are no containers, whatever attributes they have.
_NO_CONTAINERS = (type, str, bytes, bytearray, range, slice, property)


def register_container(
    kind: type,
    items: Callable[[Any], Mapping[str, Any]],
    rebuild: Callable[[Any, Sequence[Any]], Any],
) -> None:
    """Register a kind of container that models are given or return.

    Args:
        kind: its class; subclasses are covered.
        items: (container) -> its items by name, in a fixed order.
        rebuild: (container, new items in that order) -> a container like it.
    """
    _RULES.insert(0, _Rule(kind, items, rebuild))


def items_of(value: Any) -> Items:
    """Return (key, item) of a container's items; None for what is no container."""
    rule = _rule(value)
    if rule is not None:
        return list(rule.items(value).items())
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, (tuple, list)):
        return [(str(i), item) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    names = _attributes(value)
    return [(name, getattr(value, name)) for name in names] if names else None


def _rule(value: Any) -> _Rule | None:
    return next((rule for rule in _RULES if isinstance(value, rule.kind)), None)


def _attributes(value: Any) -> list[str]:
    """Return the names of an object's attributes; none for what is more than a holder of values.

    Modules, arrays, functions, iterators and numbers are no holders.
    """
    if isinstance(value, _NO_CONTAINERS) or callable(value) or hasattr(value, "__next__"):
        return []
    if hasattr(value, "__array__") or hasattr(value, "dtype"):
        return []
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)]
    return [*slots, *getattr(value, "__dict__", {})]


def _slots(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else names
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def tensors(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, Any]]:
    """Yield (label, tensor) depth first; a label is the dotted path inside `value`, `""` for it."""
    for label, leaf in leaves(value, is_tensor):
        if is_tensor(leaf):
            yield label, leaf


def leaves(
    value: Any, is_tensor: Callable[[object], bool], _around: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Yield (label, leaf) depth first: tensors, and whatever is neither tensor nor container.

    An object inside itself is passed over.
    """
    items = None if is_tensor(value) else items_of(value)
    if items is None:
        yield "", value
        return
    if id(value) in _around:
        return
    for key, item in items:
        for label, leaf in leaves(item, is_tensor, _around | {id(value)}):
            yield f"{key}.{label}".rstrip("."), leaf


def replaced(
    value: Any,
    is_tensor: Callable[[object], bool],
    new: Iterator[Any],
    _around: frozenset[int] = frozenset(),
) -> Any:
    """Return `value` with its tensors, in the order of `tensors`, replaced by those of `new`.

    Containers that hold a tensor are copied; everything else is kept as it is.
    """
    if is_tensor(value):
        return next(new)
    items = items_of(value)
    if not items or id(value) in _around or not any(True for _ in tensors(value, is_tensor)):
        return value
    around = _around | {id(value)}
    return rebuilt(value, [replaced(item, is_tensor, new, around) for _, item in items])


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


def rebuilt(value: Any, items: Sequence[Any]) -> Any:
    """Return a container of the same kind with other items, in the order of `items_of`."""
    rule = _rule(value)
    if rule is not None:
        return rule.rebuild(value, items)
    if isinstance(value, Mapping):
        result = copy.copy(value)
        for key, item in zip(list(value), items, strict=True):
            result[key] = item  # type: ignore[index]
        return result
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(items)
    if isinstance(value, (tuple, list)):
        return type(value)(items)
    result = copy.copy(value)
    for (name, _), item in zip(items_of(value) or [], items, strict=True):
        # object.__setattr__ because a dataclass may be frozen.
        object.__setattr__(result, name, item)
    return result
