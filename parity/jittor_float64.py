"""Keeps float64 whole in Jittor while a probe runs.

Jittor takes Python's scalars in as float32, and its `mean` multiplies by a float32 1/n on the way
back. In a float64 run that is the probe's artefact, not the model's, and as large as a fault. So a
scalar that meets a float64 tensor becomes a float64 tensor first, and a mean is a sum divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import jittor as jt
import numpy as np

_ARITHMETIC = ("add", "sub", "mul", "truediv", "pow", "mod")
_METHODS = [f"__{r}{name}__" for name in _ARITHMETIC for r in ("", "r")]
_FUNCTIONS = ("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum")
_CONSTANTS = ("zeros", "ones")


@contextmanager
def lifted_scalars() -> Iterator[None]:
    """Replace Jittor's scalar arithmetic, means and float constants by float64 ones meanwhile."""
    changes: list[tuple[Any, str, Callable[..., Any]]] = []
    for name in _METHODS:
        if hasattr(jt.Var, name):
            changes.append((jt.Var, name, _lifting(getattr(jt.Var, name))))
    for owner in (jt, jt.Var):
        for name in _FUNCTIONS:
            if hasattr(owner, name):
                changes.append((owner, name, _lifting(getattr(owner, name))))
        changes.append((owner, "mean", _mean))
    changes.append((jt, "array", _array(jt.array)))
    for name in _CONSTANTS:
        changes.append((jt, name, _in_float64(getattr(jt, name))))
    changes.append((jt, "full", _numbers(jt.full, np.full, 2)))
    changes.append((jt, "linspace", _numbers(jt.linspace, np.linspace, 3)))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, function in changes:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def whole(array: Any) -> Any:
    """Copy an array in, all its bytes.

    One of shape (1,) would be fused into every kernel that reads it, and in float64 arrives there
    with half its bytes overwritten once the process has run float32 kernels (Jittor 1.3.11). One
    of shape (1, 1) is left alone.
    """
    if array.shape != (1,):
        return jt.Var(np.ascontiguousarray(array))
    return jt.Var(array.reshape(1, 1)).reshape(1)


def _is_double(value: object) -> bool:
    return isinstance(value, jt.Var) and value.dtype == "float64"


def _is_scalar(value: object) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))


def _double(value: Any) -> Any:
    # From NumPy: the wrapped jt.array must not be asked again.
    return whole(np.full(1, value, np.float64)).stop_grad()


def _lifting(operation: Callable[..., Any]) -> Callable[..., Any]:
    def lifted(*args: Any) -> Any:
        if any(map(_is_double, args)):
            args = tuple(_double(a) if _is_scalar(a) else a for a in args)
        return operation(*args)

    return lifted


def _mean(x: Any, *args: Any, **kwargs: Any) -> Any:
    total = x.sum(*args, **kwargs)
    return total / (x.numel() / max(1, total.numel()))


def _array(array: Callable[..., Any]) -> Callable[..., Any]:
    def in_float64(data: Any, dtype: Any = None) -> Any:
        if dtype is None and not isinstance(data, (jt.Var, np.ndarray)):
            plain = np.asarray(data)
            data = plain.astype(np.float64) if plain.dtype.kind == "f" else data
        return array(data, dtype)

    return in_float64


def _in_float64(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(*args: Any, **kwargs: Any) -> Any:
        result = make(*args, **kwargs)
        if "dtype" not in kwargs and result.dtype == "float32":
            return make(*args, **kwargs, dtype="float64")
        return result

    return made


def _numbers(make: Callable[..., Any], exact: Callable[..., Any], arity: int) -> Callable[..., Any]:
    """Let NumPy make what depends on numbers alone; a dtype given by the caller stays as it is."""

    def made(*args: Any, **kwargs: Any) -> Any:
        if len(args) == arity and not kwargs and not isinstance(args[-1], jt.Var):
            return jt.Var(np.asarray(exact(*args), np.float64)).stop_grad()
        return make(*args, **kwargs)

    return made
