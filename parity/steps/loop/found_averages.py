"""Finds averages of a model's weights (EMA) in a running script."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from parity.adapters.protocol import Adapter
from parity.steps.loop.averages import known_tensors, module_class


def found_averages(adapter: Adapter) -> list[Any]:
    """Return what looks like an average of a model's weights: a copy of all of them, kept apart.

    That is another module, or a dictionary of tensors that an object has as an attribute. An
    average starts as a copy, so it is found before the first step and not in a resumed run.

    Args:
        adapter: of the model.
    """
    kind, own = module_class(adapter), adapter.modules().values()
    inside = {id(module) for module in own}
    found: dict[int, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of objects that are only looked at
        for thing in gc.get_objects():
            try:
                candidates = _held_by(thing, kind, inside, adapter)
            except Exception:  # an object of another library may not let itself be asked
                continue
            for candidate in candidates:
                copy = _copied(candidate, adapter)
                if copy:
                    found.setdefault(_memory(next(iter(copy.values()))), candidate)
    return list(found.values())


def _held_by(thing: Any, kind: Any, inside: set[int], adapter: Adapter) -> list[Any]:
    """Return the module that an object is, or the dictionaries of tensors that it has."""
    if isinstance(thing, (type, ModuleType, FunctionType, dict)):
        return []
    if isinstance(thing, kind):
        contains = any(id(part) in inside for part in thing.modules())
        return [] if contains else [thing]
    values = getattr(thing, "__dict__", None)
    if type(values) is not dict:
        return []
    return [v for v in values.values() if isinstance(v, dict) and len(v) and _is_of(v, adapter)]


def _is_of(values: Mapping[Any, Any], adapter: Adapter) -> bool:
    name, tensor = next(iter(values.items()))
    return isinstance(name, str) and adapter.is_tensor(tensor)


def _copied(candidate: Any, adapter: Adapter) -> dict[str, Any]:
    """Return the tensors by own path, if there is an equal one for every parameter; else none."""
    parameters = adapter.parameters()
    tensors = known_tensors(candidate, adapter, {path: path for path in parameters})
    if tensors.keys() != parameters.keys():
        return {}
    for path, tensor in tensors.items():
        own = parameters[path]
        if _memory(tensor) == _memory(own) or tuple(tensor.shape) != tuple(own.shape):
            return {}
        if not np.array_equal(adapter.to_numpy(tensor), adapter.to_numpy(own)):
            return {}
    return tensors


def _memory(tensor: Any) -> int:
    """Return what two names of one tensor have in common."""
    pointer = getattr(tensor, "data_ptr", None)
    return id(tensor) if pointer is None else int(pointer())
