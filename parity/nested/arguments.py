"""The arguments of a model's call: arrays by label, and what is around them.

A user gives them by keyword, by position or both, nested, with numbers and None between the arrays.
The arrays are what is compared, perturbed and differentiated; each side gets them as its own
framework's tensors, in the same structure.
"""

from __future__ import annotations

import enum
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity.base.numerics import Array, is_float
from parity.errors import CannotCompare, one_line
from parity.nested.containers import copied, items_of, leaves, rebuilt, tensors

# What is passed on as it is.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), slice, range, enum.Enum)
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
        return dict(tensors(self.by_label(), _is_array))

    def filled(self, new: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and keyword arguments with other tensors in place of the arrays.

        All containers are copies: a model may change what it is given.

        Args:
            new: by label.
        """
        order = iter([new[label] for label in self.arrays()])
        values = copied(self.by_label(), _is_array, order)
        number = len(self.positional)
        items = list(values.values())
        return tuple(items[:number]), dict(zip(self.keywords, items[number:], strict=True))

    def by_label(self) -> dict[str, Any]:
        """Return every argument by its name or position."""
        positions = {str(number): value for number, value in enumerate(self.positional)}
        return {**positions, **self.keywords}


@dataclass(frozen=True)
class SideNames:
    """Names and positions by which a side takes what is given by keyword.

    Attributes:
        names: keyword -> the side's own; those not in it stay.
        positions: keywords that it takes by position, in order.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    positions: Sequence[str] = ()

    def passed(
        self, positional: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of the side's own call."""
        others = {self.names.get(k, k): v for k, v in keywords.items() if k not in self.positions}
        return (*positional, *(keywords[name] for name in self.positions)), others


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
        found = Arguments((), {key: _converted(value, key) for key, value in drawn.items()})
    elif isinstance(drawn, (tuple, list)) and not hasattr(drawn, "_fields"):
        found = Arguments(tuple(_converted(v, str(i)) for i, v in enumerate(drawn)), {})
    else:
        found = Arguments((_converted(drawn, "0"),), {})
    values = dict(leaves(found.by_label(), _is_array))
    if drawn is None or not any(isinstance(v, (np.ndarray, int, float)) for v in values.values()):
        raise CannotCompare(
            f"inputs returned {type(drawn).__name__} without an array: return arrays by keyword in "
            "a dict, or by position in a tuple"
        )
    for label, value in values.items():
        is_number = isinstance(value, float) and math.isnan(value)
        if is_number or (_is_array(value) and is_float(value) and np.isnan(value).any()):
            raise CannotCompare(f"input {label!r} holds NaN")
    return found


def side_names(
    call: Any, keywords: Sequence[str], given: Mapping[str, str], order: Sequence[str] = ()
) -> SideNames:
    """Return how a side takes keyword arguments.

    Names that its signature lacks are matched to the parameters that are left without a value,
    where there are as many: in the order in which the other side's signature has them, or else in
    that of the inputs.

    Args:
        call: the side's own forward function.
        keywords: the user's names of the arguments.
        given: the user's name -> the side's, where the user says so.
        order: names in the order of the other side's parameters.

    Raises:
        CannotCompare: names cannot be matched; the text shows the signature.
    """
    names = {key: given.get(key, key) for key in keywords}
    signature = signature_of(call)
    if signature is None or not keywords:
        return SideNames(names)
    parameters = signature.parameters
    kinds = {p.kind for p in parameters.values()}
    accepted = [n for n, p in parameters.items() if p.kind in _BY_NAME]
    for key in given:
        if names[key] not in parameters and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise CannotCompare(f"takes {signature}, and argument_names says {names[key]!r}")
    unknown = [key for key in keywords if names[key] not in accepted and key not in given]
    if unknown and all(key in order for key in keywords):
        unknown.sort(key=list(order).index)
    free = _free(parameters, set(names.values()))
    if inspect.Parameter.VAR_KEYWORD in kinds:
        # Any name is taken; another one is needed only where a parameter would have no value.
        free = [n for n in free if parameters[n].default is inspect.Parameter.empty]
    if unknown and len(unknown) == len(free):
        names |= dict(zip(unknown, free, strict=True))
    elif unknown == list(keywords) and inspect.Parameter.VAR_KEYWORD not in kinds:
        if free or inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise CannotCompare(_unmatched(signature, keywords, unknown))
        return SideNames(names, unknown)
    elif unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise CannotCompare(_unmatched(signature, keywords, unknown))
    if len(set(names.values())) < len(names):
        raise CannotCompare(f"takes {signature}, and two arguments would be passed as one")
    first = [n for n, p in parameters.items() if p.kind is inspect.Parameter.POSITIONAL_ONLY]
    by_own = {own: key for key, own in names.items()}
    return SideNames(names, [by_own[own] for own in first if own in by_own])


def _free(parameters: Mapping[str, inspect.Parameter], taken: set[str]) -> list[str]:
    """Return the parameters without a value: those without a default, or the only one with one."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    left = {n: p for n, p in parameters.items() if n not in taken and p.kind not in several}
    free = [n for n, p in left.items() if p.default is inspect.Parameter.empty]
    return free or (list(left) if len(left) == 1 else [])


def _unmatched(signature: inspect.Signature, keywords: Sequence[str], unknown: list[str]) -> str:
    return (
        f"takes {signature}, and is given {', '.join(keywords)}: say which argument is which with "
        f"argument_names, as {{{unknown[0]!r}: …}}"
    )


def signature_of(call: Any) -> inspect.Signature | None:
    """Return the signature of a forward function, None where it cannot be read."""
    try:
        return inspect.signature(call)
    except (TypeError, ValueError):
        return None


def forward_function(module: Any) -> Any:
    """Return the function of a module that its call runs, whose signature counts."""
    for name in ("forward", "execute"):
        function = getattr(module, name, None)
        if callable(function):
            return function
    return module


def _converted(value: Any, label: str) -> Any:
    """Return a value with its tensors, of any framework, as NumPy arrays.

    Raises:
        CannotCompare: it holds something that cannot be given to both sides.
    """
    return _as_arrays(value, label, frozenset())


def _as_arrays(value: Any, label: str, around: frozenset[int]) -> Any:
    if isinstance(value, np.ndarray):
        return _checked(value, label)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _PLAIN):
        return value
    if callable(getattr(value, "numpy", None)):
        try:
            return _checked(as_array(value), label)
        except (TypeError, RuntimeError) as error:
            raise CannotCompare(
                f"input {label!r} is {type(value).__name__}, and NumPy cannot read it: "
                f"{one_line(error)}"
            ) from error
    if id(value) in around:
        raise CannotCompare(f"input {label!r} holds itself")
    found = items_of(value)
    if found is not None:
        inside = around | {id(value)}
        return rebuilt(value, [_as_arrays(item, f"{label}.{key}", inside) for key, item in found])
    raise CannotCompare(
        f"input {label!r} is {type(value).__name__}: an array, a number, None, a text or a "
        "container of these is needed"
    )


def as_array(value: Any) -> Array:
    """Return a tensor of any framework, a number or an array as an array.

    A tensor is taken off its device and graph, and in a dtype that NumPy has.
    """
    for step in ("detach", "cpu", "resolve_conj", "resolve_neg"):
        value = getattr(value, step)() if hasattr(value, step) else value
    if str(getattr(value, "dtype", "")).endswith("bfloat16"):
        value = value.float()
    return np.array(value.numpy() if callable(getattr(value, "numpy", None)) else value)


def _checked(array: Array, label: str) -> Array:
    if array.dtype.kind not in "fiubc":
        raise CannotCompare(
            f"input {label!r} is an array of {array.dtype}: floats, complex numbers, integers or "
            "booleans are needed"
        )
    return array


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)
