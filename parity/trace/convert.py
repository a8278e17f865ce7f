"""Weights from a module to arrays and back, between frameworks, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parity.adapters.protocol import Adapter, adapt
from parity.base.numerics import Array
from parity.errors import CannotCompare


def to_numpy(module: Any) -> dict[str, Array]:
    """Copy a module's parameters and persistent buffers out, by path, dtypes kept.

    A tied parameter is there once, under its first name.

    Raises:
        CannotCompare: the object is no module of a known framework.
    """
    adapter = adapt(module)
    return {path: adapter.to_numpy(tensor).copy() for path, tensor in _state(adapter).items()}


def load(module: Any, values: Mapping[str, Array]) -> None:
    """Put arrays into a module's parameters and buffers, which take over their dtypes.

    Nothing is changed unless everything fits.

    Raises:
        CannotCompare: a key is missing or unexpected, or an array has another shape; it is named.
    """
    adapter = adapt(module)
    shapes = {path: tuple(tensor.shape) for path, tensor in _state(adapter).items()}
    complaints = [f"missing: {path}" for path in shapes if path not in values]
    complaints += [f"unexpected: {path}" for path in values if path not in shapes]
    complaints += [
        f"misshapen: {path} is {tuple(values[path].shape)}, and {shape} is needed"
        for path, shape in shapes.items()
        if path in values and not _fits(tuple(values[path].shape), shape)
    ]
    if complaints:
        raise CannotCompare("the weights do not fit: " + "; ".join(complaints))
    adapter.assign({path: array.reshape(shapes[path]) for path, array in values.items()})


def _state(adapter: Adapter) -> dict[str, Any]:
    return {**adapter.parameters(), **adapter.buffers()}


def _fits(given: tuple[int, ...], needed: tuple[int, ...]) -> bool:
    # A zero-dimensional tensor has shape (1,) in a framework without them.
    return given == needed or {given, needed} == {(), (1,)}
