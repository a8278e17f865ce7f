"""Casts in Jittor: those of a float64 run are to float64, those of a float32 run are watched.

Jittor casts by methods (`x.float32()`, `x.float_auto()`, `x.cast("float32")`), by functions of the
dtypes' names (`jt.float32(x)`), by `unary` with a dtype for its operation, and by the dtypes that
functions take. In a float64 run all of these name float64, and mixed precision (`amp_level`) is
off, which would cast even float64 products to float16.

Functions that a user's file has imported by name (`from jittor import float32`) are not reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import jittor as jt
import numpy as np

from parity.base.numerics import LOW_EPSILON

# (owner, attribute, what it is in the block).
Replacement = tuple[Any, str, Any]

# Dtypes below float64, by every name that Jittor has for them.
_LOWER = ("float32", "float", "float16", "half", "bfloat16")
_DTYPE_ARGUMENTS = ("dtype", "op")
# Functions that take a dtype, in the last place or by name.
_TAKING = {
    jt: (
        *("cast", "unary", "type_as", "zeros", "ones", "empty", "zeros_like", "arange", "rand"),
        *("randn", "rand_like", "randn_like", "normal"),
    ),
    jt.Var: ("cast", "astype", "unary", "to"),
}
_AMP_FLAGS = ("amp_level", "amp_reg", "auto_mixed_precision_level")


@contextmanager
def replaced(replacements: Sequence[Replacement]) -> Iterator[None]:
    """Set attributes for the block, and put the former ones back at its end."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replacements]
    for owner, name, value in replacements:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


@contextmanager
def casts_to_float64() -> Iterator[None]:
    """Turn every cast to a lower precision into one to float64, and mixed precision off."""
    replacements: list[Replacement] = []
    to_float64, cast = jt.Var.float64, jt.float64
    for name in _LOWER:
        replacements.append((jt.Var, name, to_float64))
        replacements.append((jt, name, _dtype_function(cast)))
    replacements.append((jt, "float64", _dtype_function(cast)))
    replacements.append((jt, "double", _dtype_function(cast)))
    replacements.append((jt.Var, "float_auto", to_float64))
    replacements.append((jt, "float_auto", to_float64))
    for owner, names in _TAKING.items():
        for name in names:
            if hasattr(owner, name):
                replacements.append((owner, name, _raising(getattr(owner, name))))
    replacements.append((jt, "random", _drawn(jt.random)))
    replacements.append((jt.flag_scope, "__init__", _without_amp(jt.flag_scope.__init__)))
    with ExitStack() as stack:
        stack.enter_context(jt.flag_scope(amp_reg=0))
        stack.enter_context(replaced(replacements))
        yield


@contextmanager
def observed_casts(on_low: Callable[[float], None]) -> Iterator[None]:
    """Tell where the block computes in bfloat16 or float16.

    Args:
        on_low: called with the epsilon of each cast to or from one of them. Mixed precision lowers
            what it computes without a cast, and a model usually casts the result back.
    """

    def observing(function: Callable[..., Any]) -> Callable[..., Any]:
        def observed(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            for low in map(low_precision_of, (*args[:1], result)):
                if low is not None:
                    on_low(LOW_EPSILON[low])
            return result

        return observed

    names = (*_LOWER, "float_auto", "cast", "astype", "unary", "type_as")
    with replaced([(jt.Var, name, observing(getattr(jt.Var, name))) for name in names]):
        yield


def low_precision_of(value: object) -> Any:
    """Return `bfloat16` or `float16` for a Var of that dtype, else None."""
    name = str(value.dtype) if isinstance(value, jt.Var) else ""
    return name if name in LOW_EPSILON else None


def raised(dtype: Any) -> Any:
    """Return float64's name for a lower precision, and anything else as it is."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", None) or str(dtype)
    return "float64" if name in _LOWER else dtype


def _is_dtype(value: Any) -> bool:
    return isinstance(value, (str, jt.NanoString)) or (
        callable(value) and not isinstance(value, jt.Var)
    )


def _raising(function: Callable[..., Any]) -> Callable[..., Any]:
    """Raise the dtypes among a function's arguments."""

    def raising(*args: Any, **kwargs: Any) -> Any:
        args = tuple(raised(a) if _is_dtype(a) else a for a in args)
        return function(*args, **{k: raised(v) if _is_dtype(v) else v for k, v in kwargs.items()})

    return raising


def _dtype_function(cast: Callable[..., Any]) -> Callable[..., Any]:
    """Return `jt.float64` for Jittor's functions that are dtypes; its name is how Jittor reads it.

    A scalar goes by way of NumPy, because Jittor takes Python's numbers in as float32.
    """

    def float64(value: Any) -> Any:
        return cast(value if isinstance(value, jt.Var) else jt.Var(np.asarray(value, np.float64)))

    return float64


def _drawn(random: Callable[..., Any]) -> Callable[..., Any]:
    """Draw in float32, as Jittor does whatever dtype is asked for, and cast."""
    return lambda *args, **kwargs: random(*args, **kwargs).float64()


def _without_amp(init: Callable[..., None]) -> Callable[..., None]:
    def initialised(self: Any, **flags: Any) -> None:
        init(self, **{name: flag for name, flag in flags.items() if name not in _AMP_FLAGS})

    return initialised
