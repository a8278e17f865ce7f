"""Every leaf of what a model returns is compared, or named and refused."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare
from parity.nested.containers import items_of, leaves

IsTensor = Callable[[object], bool]


def output_leaves(outputs: Any, is_tensor: IsTensor) -> list[tuple[str, Any]]:
    """Return (label, leaf) of all tensors, arrays, numbers and texts in what a model returned.

    None holds nothing that could be compared; the structure of the outputs says where it is.

    Raises:
        CannotCompare: something else is in it, which cannot be looked into.
    """
    found = []
    for label, leaf in leaves(outputs, is_tensor):
        if leaf is None:
            continue
        if not is_tensor(leaf) and not isinstance(leaf, (Number, str, bytes, np.ndarray)):
            raise CannotCompare(
                f"output {label or 'of the model'} is {type(leaf).__name__}, which cannot be "
                "looked into: return tensors, or say what is in it with parity.register_container"
            )
        found.append((label, leaf))
    return found


def as_array(leaf: Any, precision: Precision) -> Array:
    """Return a number, a text or an array that is no tensor as an array; floats in a precision."""
    array = np.asarray(leaf)
    return array.astype(precision) if array.dtype.kind == "f" else array


def structure_of(value: Any, is_tensor: IsTensor, _around: frozenset[int] = frozenset()) -> str:
    """Return the structure of a value: `tensor`, `(tensor, None)`, `{x: tensor, y: (number)}`.

    Tuples and lists are alike, and so is everything whose items have names.
    """
    if is_tensor(value) or isinstance(value, np.ndarray):
        return "tensor"
    items = items_of(value)
    if items is None:
        return _kind(value)
    if id(value) in _around:
        return "itself"
    around = _around | {id(value)}
    inside = [structure_of(item, is_tensor, around) for _, item in items]
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return "(" + ", ".join(inside) + ")"
    names = getattr(value, "_fields", [key for key, _ in items])
    named = [f"{name}: {text}" for name, text in zip(names, inside, strict=True)]
    return "{" + ", ".join(named) + "}"


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (str, bytes)):
        return "text"
    return "number" if isinstance(value, Number) else type(value).__name__


def paired(reference: list[str], own: list[str]) -> list[str]:
    """Return the reference's labels for as many own ones, by order where the names differ."""
    same_number = len(reference) == len(own)
    return reference if same_number and set(reference) != set(own) else own
