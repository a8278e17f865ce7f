"""Keeps float64 whole in Jittor while a probe runs.

Jittor takes Python's scalars in as float32, and so do its own formulas: the 1/n of a mean on the
way back, the 2/sqrt(pi) of erf's derivative, the numbers that `masked_fill` and `full_like` put in.
In a float64 run that is the probe's artefact, not the model's, and as large as a fault. So a scalar
that meets a float64 tensor becomes a float64 tensor first, and these formulas are written out.

What a user's file has taken by name before (`from jittor import erf`) is out of reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import jittor as jt
import numpy as np

_ARITHMETIC = ("add", "sub", "mul", "truediv", "pow", "mod")
_METHODS = [f"__{kind}{name}__" for name in _ARITHMETIC for kind in ("", "r", "i")]
_FUNCTIONS = ("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum")
_DIVISIONS = ("__truediv__", "__rtruediv__", "__itruediv__", "divide")
_OF_NUMBERS = ("sqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "abs")
_CONSTANTS = ("zeros", "ones")


@contextmanager
def lifted_scalars() -> Iterator[None]:
    """Replace Jittor's scalar arithmetic, means and float constants by float64 ones meanwhile."""
    changes: list[tuple[Any, str, Callable[..., Any]]] = []
    for name in _METHODS:
        if hasattr(jt.Var, name):
            changes.append((jt.Var, name, _lifting(getattr(jt.Var, name), name in _DIVISIONS)))
    for owner in (jt, jt.Var):
        for name in _FUNCTIONS:
            if hasattr(owner, name):
                changes.append((owner, name, _lifting(getattr(owner, name), name in _DIVISIONS)))
        changes.append((owner, "mean", _mean))
        changes.append((owner, "reduce", _reduce(owner.reduce)))
        changes.append((owner, "ternary", _ternary(owner.ternary)))
        changes.append((owner, "erf", _smooth(owner.erf, _erf_slope)))
        changes.append((owner, "erfinv", _smooth(owner.erfinv, _erfinv_slope)))
    changes.append((jt, "full_like", _full_like(jt.full_like)))
    changes.append((jt, "array", _array(jt.array)))
    for name in _OF_NUMBERS:
        changes.append((jt, name, _of_number(getattr(jt, name))))
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


def _is_whole_number(value: object) -> bool:
    return isinstance(value, jt.Var) and not value.dtype.is_float() and value.dtype != "bool"


def _lifting(operation: Callable[..., Any], divides: bool) -> Callable[..., Any]:
    """Let scalars in as float64 where the result is a float64 number.

    That is where a float64 tensor takes part; and where integers become fractions, for their dtype
    is then the default one, which a probe in float64 has set to float64.
    """

    def lifted(*args: Any) -> Any:
        fraction = divides or any(isinstance(a, (float, np.floating)) for a in args)
        becomes = fraction and any(map(_is_whole_number, args))
        if becomes and not any(isinstance(a, jt.Var) and a.dtype.is_float() for a in args):
            args = tuple(a.cast("float64") if _is_whole_number(a) else a for a in args)
        if any(map(_is_double, args)):
            args = tuple(_double(a) if _is_scalar(a) else a for a in args)
        return operation(*args)

    return lifted


def _of_number(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jt.sqrt(1 - beta**n)` of an optimizer would be a float32 tensor."""
    return lambda x: function(_double(x) if _is_scalar(x) else x)


def _mean(x: Any, *args: Any, **kwargs: Any) -> Any:
    total = x.sum(*args, **kwargs)
    return total / (x.numel() / max(1, total.numel()))


def _reduce(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """Average pooling and `mse_loss` come by here."""

    def reduced(x: Any, op: str = "mean", *args: Any, **kwargs: Any) -> Any:
        if op == "mean" and _is_double(x):
            return _mean(x, *args, **kwargs)
        return reduce(x, op, *args, **kwargs)

    return reduced


def _ternary(ternary: Callable[..., Any]) -> Callable[..., Any]:
    """`masked_fill` comes by here."""

    def chosen(condition: Any, x: Any, y: Any) -> Any:
        if _is_double(x) or _is_double(y):
            shape = condition.shape
            x, y = (_double(v).broadcast(shape) if _is_scalar(v) else v for v in (x, y))
        return ternary(condition, x, y)

    return chosen


def _full_like(full_like: Callable[..., Any]) -> Callable[..., Any]:
    def filled(x: Any, value: Any, dtype: Any = None) -> Any:
        if dtype is None and _is_double(x) and _is_scalar(value):
            return _double(value).broadcast(x.shape)
        return full_like(x, value, dtype)

    return filled


def _smooth(function: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function of one argument a derivative in float64: `slope(x, y)`."""

    class Smooth(jt.Function):
        def execute(self, x: Any) -> Any:
            self.x, self.y = x, function(x)
            return self.y

        def grad(self, up: Any) -> Any:
            return up * slope(self.x, self.y)

    return lambda x: Smooth.apply(x) if _is_double(x) else function(x)


def _erf_slope(x: Any, y: Any) -> Any:
    return _double(2 / math.sqrt(math.pi)) * jt.exp(-(x * x))


def _erfinv_slope(x: Any, y: Any) -> Any:
    return _double(math.sqrt(math.pi) / 2) * jt.exp(y * y)


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
