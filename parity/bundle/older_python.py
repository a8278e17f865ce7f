"""Substitutes for what Python 3.8 and 3.9 lack, which rewritten modules of a bundle import.

Must itself run on Python 3.8, and imports nothing of the package: in a bundle it is a module of its
own.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import sys
import typing
from typing import Any, Iterable, Iterator

# A program starts the interpreter again with its options and arguments (`sys.orig_argv`).
started_as = getattr(sys, "orig_argv", [sys.executable, *sys.argv])
dict_of, frozenset_of, list_of = typing.Dict, typing.FrozenSet, typing.List
set_of, tuple_of, type_of = typing.Set, typing.Tuple, typing.Type
cache = functools.lru_cache(maxsize=None)
_MISSING = object()


def either(left: Any, right: Any) -> Any:
    """Return `left | right`: of mappings, of types, or of anything that has the operator."""
    if isinstance(left, dict) and isinstance(right, dict):
        return {**left, **right}
    if _is_type(left) and _is_type(right):
        return typing.Union[left, right]
    return left | right


def classes(types: Any) -> tuple[type, ...]:
    """Return the classes of `X | Y` as `isinstance` takes them."""
    return tuple(type(None) if each is None else each for each in types.__args__)


def updated(left: Any, right: Any) -> Any:
    """Return what `left |= right` leaves in `left`."""
    if isinstance(left, dict):
        left.update(right)
        return left
    return operator.ior(left, right)


def zipped(*iterables: Iterable[Any], strict: bool = False) -> Iterator[tuple[Any, ...]]:
    """Yield what `zip` does.

    Raises:
        ValueError: `strict`, and one ends before another.
    """
    if not strict:
        yield from zip(*iterables)
        return
    for items in itertools.zip_longest(*iterables, fillvalue=_MISSING):
        if any(item is _MISSING for item in items):
            raise ValueError("zip() has arguments of different lengths")
        yield items


def pairwise(items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield each item with the next, as `itertools.pairwise` does."""
    first, second = itertools.tee(items)
    next(second, None)
    return zip(first, second)


def without_prefix(text: str, prefix: str) -> str:
    """Return what `str.removeprefix` does."""
    return text[len(prefix) :] if text.startswith(prefix) else text


def without_suffix(text: str, suffix: str) -> str:
    """Return what `str.removesuffix` does."""
    return text[: len(text) - len(suffix)] if suffix and text.endswith(suffix) else text


def dataclass(*, kw_only: bool, **options: Any) -> Any:
    """Return the decorator `dataclasses.dataclass`, whose `kw_only` is new in Python 3.10."""
    assert kw_only

    def decorate(cls: Any) -> Any:
        for name in cls.__dict__.get("__annotations__", ()):
            value = cls.__dict__.get(name, dataclasses.field())
            if isinstance(value, dataclasses.Field) and not _has_default(value):
                value.default_factory = functools.partial(_missing, cls, name)
                setattr(cls, name, value)
        return dataclasses.dataclass(**options)(cls)

    return decorate


def _has_default(field: Any) -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _missing(cls: Any, name: str) -> Any:
    raise TypeError(f"{cls.__name__} is missing the argument {name!r}")


def _is_type(value: Any) -> bool:
    """Return whether a value can stand in `X | Y` as a type."""
    return value is None or isinstance(value, type) or hasattr(value, "__origin__")
