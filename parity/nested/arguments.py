"""The arguments of a model's call: arrays by label, and what is around them.

A user gives them by keyword, by position or both, nested, with numbers and None between the arrays.
The arrays are what is compared, perturbed and differentiated; each side gets them as its own
framework's tensors, in the same structure.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.nested.containers import items_of, rebuilt, replaced, tensors

# What is passed on as it is.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), slice, range)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Arguments:
    """Arguments whose tensors are arrays.

    Attributes:
        positional: in order.
        keywords: by name.
    """

    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by label: the name or position, and the dotted place inside it."""
        return dict(tensors(self._by_label(), _is_array))

    def filled(self, new: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments with other tensors in place of the arrays.

        Args:
            new: by label.
        """
        order = iter([new[label] for label in self.arrays()])
        values = replaced(self._by_label(), _is_array, order)
        number = len(self.positional)
        items = list(values.values())
        return tuple(items[:number]), dict(zip(self.keywords, items[number:], strict=True))

    def named(self, names: Mapping[str, str]) -> Arguments:
        """Return the same arguments with other keywords.

        Args:
            names: keyword -> the other one; those not in it stay.
        """
        return Arguments(
            self.positional, {names.get(key, key): v for key, v in self.keywords.items()}
        )

    def _by_label(self) -> dict[str, Any]:
        positions = {str(number): value for number, value in enumerate(self.positional)}
        return {**positions, **self.keywords}


def arguments_of(drawn: Any) -> Arguments:
    """Return what a user's `inputs` returned as arguments.

    Args:
        drawn: a mapping (by keyword), a tuple or list (by position), or a single array.

    Raises:
        CannotCompare: there is nothing in it, or something that cannot be given to both sides; the
            text names its label.
    """
    if isinstance(drawn, Mapping):
        if not all(isinstance(key, str) for key in drawn):
            raise CannotCompare("inputs returned a dict whose keys are not argument names")
        found = Arguments((), {key: _as_arrays(value, key) for key, value in drawn.items()})
    elif isinstance(drawn, (tuple, list)) and not hasattr(drawn, "_fields"):
        found = Arguments(tuple(_as_arrays(v, str(i)) for i, v in enumerate(drawn)), {})
    else:
        found = Arguments((_as_arrays(drawn, "0"),), {})
    arrays = found.arrays()
    if not arrays:
        raise CannotCompare(
            f"inputs returned {type(drawn).__name__} without an array: return arrays by keyword in "
            "a dict, or by position in a tuple"
        )
    for label, array in arrays.items():
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise CannotCompare(f"input {label!r} holds NaN")
    return found


def side_names(
    call: Any, keywords: Mapping[str, Any], number: int, given: Mapping[str, str]
) -> dict[str, str]:
    """Return the names under which a side takes keyword arguments.

    Names that its signature lacks are matched, in order, to the parameters that are left without a
    value, where there are as many.

    Args:
        call: the side's own forward function.
        keywords: the arguments by the user's names.
        number: of positional arguments before them.
        given: the user's name -> the side's, where the user says so.

    Raises:
        CannotCompare: names cannot be matched; the text shows the signature.
    """
    names = {key: given.get(key, key) for key in keywords}
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):
        return names
    parameters = signature.parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return names
    accepted = [n for n, p in parameters.items() if p.kind in _BY_NAME][number:]
    unknown = [key for key in keywords if names[key] not in accepted]
    taken = set(names.values())
    empty = inspect.Parameter.empty
    free = [n for n in accepted if n not in taken and parameters[n].default is empty]
    if unknown and len(unknown) == len(free):
        return {**names, **dict(zip(unknown, free, strict=True))}
    if unknown:
        raise CannotCompare(
            f"takes {signature}, and is given {', '.join(keywords)}: say which argument is which "
            f"with argument_names, as {{{unknown[0]!r}: …}}"
        )
    return names


def forward_function(module: Any) -> Any:
    """Return the function of a module that its call runs, whose signature counts."""
    for name in ("forward", "execute"):
        function = getattr(module, name, None)
        if callable(function):
            return function
    return module


def _as_arrays(value: Any, label: str) -> Any:
    """Return a value with its tensors, of any framework, as NumPy arrays."""
    if isinstance(value, np.ndarray):
        return _checked(value, label)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _PLAIN):
        return value
    if callable(getattr(value, "numpy", None)):
        return _checked(np.array(_detached(value).numpy()), label)
    found = items_of(value)
    if found is not None:
        return rebuilt(value, [_as_arrays(item, f"{label}.{key}") for key, item in found])
    raise CannotCompare(
        f"input {label!r} is {type(value).__name__}: an array, a number, None, a text or a "
        "container of these is needed"
    )


def _detached(value: Any) -> Any:
    """Return a tensor that NumPy can read: on the CPU, without a graph, in a dtype it has."""
    for step in ("detach", "cpu"):
        value = getattr(value, step)() if hasattr(value, step) else value
    return value.float() if str(getattr(value, "dtype", "")).endswith("bfloat16") else value


def _checked(array: Array, label: str) -> Array:
    if array.dtype.kind not in "fiubc":
        raise CannotCompare(
            f"input {label!r} is an array of {array.dtype}: floats, complex numbers, integers or "
            "booleans are needed"
        )
    return array


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)
