"""Keeps every number of a float64 run in float64 in Jittor.

Jittor takes Python scalars in as float32, and so do its own formulas: the 1/n in the gradient of a
mean, the 2/sqrt(pi) in erf's derivative, the values that `masked_fill` and `full_like` write. In a
float64 run these errors would be as large as faults, and the model does not have them. So a scalar
that meets a float64 tensor becomes a float64 tensor first, and these formulas are written out.

Functions that a user's file has imported by name (`from jittor import erf`) are not reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_casts import Replacement, casts_to_float64, raised, replaced

_ARITHMETIC = ("add", "sub", "mul", "truediv", "pow", "mod")
_METHODS = [f"__{kind}{name}__" for name in _ARITHMETIC for kind in ("", "r", "i")]
_FUNCTIONS = ("add", "subtract", "multiply", "divide", "pow", "maximum", "minimum")
_DIVISIONS = ("__truediv__", "__rtruediv__", "__itruediv__", "divide")
_FUNCTIONS_OF_ONE = ("sqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "abs")


@contextmanager
def lifted_scalars() -> Iterator[None]:
    """Replace Jittor's casts, scalar arithmetic, means and float constants by float64 ones.

    The functions are attributes of `jittor` and `jittor.Var`, put back at the end of the block.
    """
    with casts_to_float64(), replaced(_replacements()):
        yield


def _replacements() -> list[Replacement]:
    changes: list[Replacement] = []
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
    for name in _FUNCTIONS_OF_ONE:
        changes.append((jt, name, _of_scalar(getattr(jt, name))))
    changes.append((jt, "full", _full(jt.full)))
    changes.append((jt, "linspace", _from_numpy(jt.linspace, np.linspace, 3)))
    return changes


def exact_var(array: Any) -> Any:
    """Return an array as a `jittor.Var` of its shape and dtype, with all its bytes.

    Jittor 1.3.11 fuses a Var of shape (1,) into every kernel that reads it, and in float64 half of
    its bytes are overwritten there once the process has run float32 kernels. It does not do so
    with shape (1, 1).
    """
    if array.shape != (1,):
        return jt.Var(np.ascontiguousarray(array))
    return jt.Var(array.reshape(1, 1)).reshape(1)


def _is_double(value: object) -> bool:
    return isinstance(value, jt.Var) and value.dtype == "float64"


def _is_scalar(value: object) -> bool:
    return isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))


def _double(value: Any) -> Any:
    # From NumPy, because `jt.array` is one of the replaced functions.
    return exact_var(np.full(1, value, np.float64)).stop_grad()


def _is_integer(value: object) -> bool:
    return isinstance(value, jt.Var) and not value.dtype.is_float() and value.dtype != "bool"


def _lifting(operation: Callable[..., Any], divides: bool) -> Callable[..., Any]:
    """Make scalar arguments float64 tensors wherever the result has to be float64.

    That is where a float64 tensor takes part, and where integers become fractions: their dtype is
    then the default one, which is float64 in a float64 run.

    Args:
        operation: of two arguments.
        divides: whether its result is a fraction even for integers.
    """

    def lifted(*args: Any) -> Any:
        is_fraction = divides or any(isinstance(a, (float, np.floating)) for a in args)
        has_integers = any(map(_is_integer, args))
        has_floats = any(isinstance(a, jt.Var) and a.dtype.is_float() for a in args)
        if is_fraction and has_integers and not has_floats:
            args = tuple(a.cast("float64") if _is_integer(a) else a for a in args)
        if any(map(_is_double, args)):
            args = tuple(_double(a) if _is_scalar(a) else a for a in args)
        return operation(*args)

    return lifted


def _of_scalar(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return float64 for a scalar: an optimizer's `jt.sqrt(1 - beta**n)` would be float32."""
    return lambda x: function(_double(x) if _is_scalar(x) else x)


def _mean(x: Any, *args: Any, **kwargs: Any) -> Any:
    total = x.sum(*args, **kwargs)
    return total / (x.numel() / max(1, total.numel()))


def _reduce(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """Compute means in float64; average pooling and `mse_loss` call this."""

    def reduced(x: Any, op: str = "mean", *args: Any, **kwargs: Any) -> Any:
        if op == "mean" and _is_double(x):
            return _mean(x, *args, **kwargs)
        return reduce(x, op, *args, **kwargs)

    return reduced


def _ternary(ternary: Callable[..., Any]) -> Callable[..., Any]:
    """Keep scalars in float64; `masked_fill` calls this."""

    def in_float64(condition: Any, x: Any, y: Any) -> Any:
        if _is_double(x) or _is_double(y):
            shape = condition.shape
            x, y = (_double(v).broadcast(shape) if _is_scalar(v) else v for v in (x, y))
        return ternary(condition, x, y)

    return in_float64


def _full(full: Callable[..., Any]) -> Callable[..., Any]:
    def filled(shape: Any, value: Any, dtype: Any = "float32") -> Any:
        if not _is_scalar(value) or raised(dtype) != "float64":
            return full(shape, value, dtype)
        sizes = (shape,) if isinstance(shape, int) else shape
        return jt.Var(np.full(tuple(int(size) for size in sizes), value, np.float64)).stop_grad()

    return filled


def _full_like(full_like: Callable[..., Any]) -> Callable[..., Any]:
    def filled(x: Any, value: Any, dtype: Any = None) -> Any:
        wanted = x.dtype if dtype is None else raised(dtype)
        if wanted == "float64" and _is_scalar(value):
            return _double(value).broadcast(x.shape)
        return full_like(x, value, dtype)

    return filled


def _smooth(function: Callable[..., Any], slope: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function y = f(x) the derivative `slope(x, y)` in float64."""

    class Smooth(jt.Function):
        def execute(self, x: Any) -> Any:
            self.x, self.y = x, function(x)
            return self.y

        def grad(self, gradient: Any) -> Any:
            return gradient * slope(self.x, self.y)

    return lambda x: Smooth.apply(x) if _is_double(x) else function(x)


def _erf_slope(x: Any, y: Any) -> Any:
    return _double(2 / math.sqrt(math.pi)) * jt.exp(-(x * x))


def _erfinv_slope(x: Any, y: Any) -> Any:
    return _double(math.sqrt(math.pi) / 2) * jt.exp(y * y)


def _array(array: Callable[..., Any]) -> Callable[..., Any]:
    def in_float64(data: Any, dtype: Any = None) -> Any:
        if isinstance(data, jt.Var):
            return array(data, None if dtype is None else raised(dtype))
        values = np.asarray(data)
        if values.dtype.kind == "f" and dtype is None:
            data = values.astype(np.float64)
        return array(data, None if dtype is None else raised(dtype))

    return in_float64


def _from_numpy(
    function: Callable[..., Any], of_numpy: Callable[..., Any], arguments: int
) -> Callable[..., Any]:
    """Let NumPy compute a tensor of scalars, in float64, if the caller gives no dtype.

    Args:
        function: of Jittor.
        of_numpy: the same in NumPy.
        arguments: number of its arguments without a dtype.
    """

    def created(*args: Any, **kwargs: Any) -> Any:
        if len(args) == arguments and not kwargs and not isinstance(args[-1], jt.Var):
            return jt.Var(np.asarray(of_numpy(*args), np.float64)).stop_grad()
        return function(*args, **kwargs)

    return created
