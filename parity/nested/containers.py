"""Finds and replaces the tensors inside nested containers, and objects that hold some.

Tuples, lists, dicts, dataclasses, and objects with attributes are looked into; a user adds a kind
of container with `register_container`.
"""

from __future__ import annotations

import copy
import dataclasses
import enum
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
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
_NO_CONTAINERS = (type, str, bytes, bytearray, range, slice, property, enum.Enum)
# How often one object is looked into: it may be held at several places, and objects that hold each
# other have more ways through them than can be followed.
_VISITS = 8


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
    if isinstance(value, (tuple, list, deque)):
        return [(str(i), item) for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if hasattr(value, field.name)]
        return [(name, getattr(value, name)) for name in names]
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
    if hasattr(value, "__array__") or (hasattr(value, "dtype") and hasattr(value, "shape")):
        return []
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)]
    return [*slots, *getattr(value, "__dict__", {})]


def _slots(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    names = [names] if isinstance(names, str) else names
    return [name for name in names if name not in ("__dict__", "__weakref__")]


class Node(NamedTuple):
    """A value on a walk: a container with its items, or a leaf.

    Attributes:
        value: the value.
        items: (key, node) of a container's items; None for a leaf, and for a container that is not
            looked into again.
        is_again: whether it is such a container.
        has_tensor: whether there is a tensor in it.
    """

    value: Any
    items: list[tuple[str, Node]] | None
    is_again: bool
    has_tensor: bool


def walked(
    value: Any,
    is_tensor: Callable[[object], bool],
    around: frozenset[int] = frozenset(),
    visits: Counter[int] | None = None,
) -> Node:
    """Return a value as a tree; an object inside itself is not looked into again."""
    visits = Counter() if visits is None else visits
    if is_tensor(value):
        return Node(value, None, False, True)
    items = items_of(value)
    if items is None:
        return Node(value, None, False, False)
    visits[id(value)] += 1
    if id(value) in around or visits[id(value)] > _VISITS:
        return Node(value, None, True, False)
    inside = [(key, walked(v, is_tensor, around | {id(value)}, visits)) for key, v in items]
    return Node(value, inside, False, any(node.has_tensor for _, node in inside))


def tensors(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, Any]]:
    """Yield (label, tensor) depth first; a label is the dotted path inside `value`, `""` for it."""
    for label, leaf in leaves(value, is_tensor):
        if is_tensor(leaf):
            yield label, leaf


def leaves(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, Any]]:
    """Yield (label, leaf) depth first: tensors, and whatever is neither tensor nor container.

    An object inside itself is passed over. Labels are unique: where two paths read alike, as those
    of the keys 1 and "1", the later one gets a number.
    """
    for label, _, leaf in named_leaves(value, is_tensor):
        yield label, leaf


def named_leaves(value: Any, is_tensor: Callable[[object], bool]) -> Iterator[tuple[str, str, Any]]:
    """Yield (label, name, leaf): as `leaves`, and the path by the fields of named tuples."""
    used: set[str] = set()
    for label, name, leaf in _leaves(walked(value, is_tensor)):
        unique, number = label, 1
        while unique in used:
            number += 1
            unique = f"{label}#{number}"
        used.add(unique)
        yield unique, name, leaf


def field_names(value: Any) -> tuple[str, ...] | None:
    """Return the names of a named tuple's fields; None for anything else."""
    names: tuple[str, ...] | None = getattr(value, "_fields", None)
    return names if isinstance(value, tuple) and names is not None else None


def _leaves(node: Node) -> Iterator[tuple[str, str, Any]]:
    if node.items is None:
        if not node.is_again:
            yield "", "", node.value
        return
    names = field_names(node.value) or [key for key, _ in node.items]
    for (key, item), own in zip(node.items, names, strict=True):
        for label, name, leaf in _leaves(item):
            yield f"{key}.{label}".rstrip("."), f"{own}.{name}".rstrip("."), leaf


def replaced(value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]) -> Any:
    """Return `value` with its tensors, in the order of `tensors`, replaced by those of `new`.

    Containers that hold a tensor are copied; everything else is kept as it is.
    """
    return _replaced(walked(value, is_tensor), new, is_everything_copied=False)


def copied(value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]) -> Any:
    """Return `value` with its tensors replaced as by `replaced`, and every container copied."""
    return _replaced(walked(value, is_tensor), new, is_everything_copied=True)


def _replaced(node: Node, new: Iterator[Any], *, is_everything_copied: bool) -> Any:
    if node.items is None:
        return next(new) if node.has_tensor else node.value
    if not node.has_tensor and not is_everything_copied:
        return node.value
    return rebuilt(
        node.value,
        [_replaced(n, new, is_everything_copied=is_everything_copied) for _, n in node.items],
    )


def substituted(
    value: Any, is_tensor: Callable[[object], bool], new: Iterator[Any]
) -> tuple[Any, Callable[[], None]]:
    """Replace tensors as `replaced` does, but inside lists, dicts and objects in place.

    A function may remove elements from a list that it was given, or set an attribute of an object,
    and its caller may rely on that.

    Returns:
        The value, and a function that puts the original tensors back where the new ones still are.
    """
    replacements: list[tuple[Any, Any]] = []  # (new, original)
    changed: list[Any] = []  # lists, dicts and objects

    def substitute(node: Node) -> Any:
        if node.items is None:
            if node.has_tensor:
                replacements.append((next(new), node.value))
                return replacements[-1][0]
            return node.value
        if not node.has_tensor:
            return node.value
        if not _is_changed_in_place(node.value):
            return rebuilt(node.value, [substitute(item) for _, item in node.items])
        changed.append(node.value)
        keys = _keys(node.value)
        for key, (_, item) in zip(keys, node.items, strict=True):
            if item.has_tensor:
                _put(node.value, key, substitute(item))
        return node.value

    def restore() -> None:
        originals = {id(replacement): original for replacement, original in replacements}
        for container in changed:
            for key in _keys(container):
                item = _get(container, key)
                if id(item) in originals:
                    _put(container, key, originals[id(item)])

    return substitute(walked(value, is_tensor)), restore


def _is_changed_in_place(value: Any) -> bool:
    if _rule(value) is not None or isinstance(value, (Mapping, tuple, list, deque)):
        return type(value) in (list, dict)
    return True


def _keys(container: Any) -> list[Any]:
    """Return the keys, positions or names of attributes of what is changed in place."""
    if isinstance(container, dict):
        return list(container)
    if isinstance(container, list):
        return list(range(len(container)))
    return [name for name, _ in items_of(container) or []]


def _get(container: Any, key: Any) -> Any:
    return container[key] if isinstance(container, (dict, list)) else getattr(container, key)


def _put(container: Any, key: Any, item: Any) -> None:
    if isinstance(container, (dict, list)):
        container[key] = item
    else:
        # object.__setattr__ because a dataclass may be frozen.
        object.__setattr__(container, key, item)


def rebuilt(value: Any, items: Sequence[Any]) -> Any:
    """Return a container of the same kind with other items, in the order of `items_of`."""
    rule = _rule(value)
    if rule is not None:
        return rule.rebuild(value, items)
    if isinstance(value, Mapping):
        if not isinstance(value, MutableMapping):
            return dict(zip(value, items, strict=True))
        result = copy.copy(value)
        for key, item in zip(list(value), items, strict=True):
            result[key] = item
        return result
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(items)
    if isinstance(value, deque):
        return deque(items, value.maxlen)
    if isinstance(value, (tuple, list)):
        return type(value)(items)
    result = copy.copy(value)
    for name, item in zip(_keys(value), items, strict=True):
        _put(result, name, item)
    return result
