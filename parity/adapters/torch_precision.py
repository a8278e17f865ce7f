"""Precision inside PyTorch models: casts that follow a float64 run, and what a float32 run lowers.

A model that writes `x.float()`, `dtype=torch.float32` or `.half()` asks for a precision, and in a
float64 run that precision is float64. A function mode sees each call of PyTorch, however it was
imported, and changes nothing outside its `with` block. In a float32 run the program stays as it is,
and a second mode tells where it computes in bfloat16 or float16, in `torch.autocast` too, which
leaves float64 tensors alone by itself.

A compiled module has neither: its compiler would trace the modes. Constructors of the old kind
(`torch.FloatTensor(...)`) and `torch.from_numpy` are not seen; what they make becomes float64 where
it meets a float64 tensor.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

from parity.adapters.torch_dropout import with_globals
from parity.base.numerics import LOW_EPSILON

_RAISED = {
    **dict.fromkeys((torch.float32, torch.float16, torch.bfloat16), torch.float64),
    **dict.fromkeys((torch.complex64, torch.complex32), torch.complex128),
}
_METHODS: dict[Any, Callable[..., Any]] = {
    torch.Tensor.float: torch.Tensor.double,
    torch.Tensor.half: torch.Tensor.double,
    torch.Tensor.bfloat16: torch.Tensor.double,
    # Their names are missing in PyTorch's own annotations.
    getattr(torch.Tensor, "cfloat"): getattr(torch.Tensor, "cdouble"),  # noqa: B009
    getattr(torch.Tensor, "chalf"): getattr(torch.Tensor, "cdouble"),  # noqa: B009
}
# Make a tensor of what may be a NumPy array, whose dtype they keep.
_FACTORIES = {torch.tensor, torch.as_tensor, torch.asarray, torch.Tensor.new_tensor}
# Read bits in another way, or ask about a dtype.
_AS_WRITTEN = {torch.Tensor.view}
_OLD_NAMES = ("Float", "Half", "BFloat16")
# What a module of PyTorch keeps itself; a user's own tensors are not in there.
_REGISTERED = ("_parameters", "_buffers", "_modules")


def _never(_: Any) -> bool:
    return False


# A mode is off while it handles a call. These run a model's own code, backward functions and what
# gradient checkpointing computes again, so they run inside the mode, without asking for it.
_RUN_INSIDE: dict[Any, Callable[..., Any]] = {
    torch.autograd.grad: with_globals(torch.autograd.grad, has_torch_function=_never),
    torch.autograd.backward: with_globals(torch.autograd.backward, has_torch_function=_never),
    torch.Tensor.backward: with_globals(torch.Tensor.backward, has_torch_function_unary=_never),
}


class _Mode(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        inside = _RUN_INSIDE.get(func)
        if inside is not None:
            with self:
                return inside(*args, **kwargs)
        return self.handle(func, args, kwargs)

    def handle(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        raise NotImplementedError


class CastsToFloat64(_Mode):
    """Turns every cast to float32, bfloat16 or float16 into one to float64.

    Attributes:
        has_changed: whether there was any; None as long as nothing was called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.has_changed: bool | None = None

    def handle(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function of PyTorch with float64 wherever a lower precision was asked for."""
        if func in _AS_WRITTEN:
            return func(*args, **kwargs)
        given = args, kwargs
        name = getattr(func, "__name__", "")
        if func is torch.Tensor.type:
            args, kwargs = _raised_types(args), {k: _raised_type(v) for k, v in kwargs.items()}
        elif func in (torch.Tensor.to, torch.Tensor.type_as):
            args, kwargs = _like_raised(args, kwargs)
        elif not name.startswith("__") or name in _OPERATORS:
            args, kwargs = _lifted(args, kwargs, keep_first=_is_in_place(name))
        args = tuple(_raised(a) for a in args)
        kwargs = {k: _raised(v) for k, v in kwargs.items()}
        result = _METHODS.get(func, func)(*args, **kwargs)
        is_low = func in _FACTORIES and _is_low(result)
        self.has_changed = (
            self.has_changed or is_low or func in _METHODS or _differ(given, args, kwargs)
        )
        return _as_double(result) if is_low else result


def _differ(
    given: tuple[tuple[Any, ...], dict[str, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    return any(map(operator.is_not, given[0], args)) or any(
        value is not kwargs[name] for name, value in given[1].items()
    )


class ObservedPrecision(_Mode):
    """Tells where a run computes in bfloat16 or float16.

    Args:
        on_low: called with the epsilon of each result in a lower precision than float32.
    """

    def __init__(self, on_low: Callable[[float], None]) -> None:
        super().__init__()
        self._on_low = on_low

    def handle(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call a function of PyTorch and look at its results."""
        result = func(*args, **kwargs)
        for value in result if isinstance(result, (tuple, list)) else (result,):
            low = low_precision_of(value)
            if low is not None:
                self._on_low(LOW_EPSILON[low])
        return result


_OPERATORS = {
    f"__{kind}{name}__"
    for name in ("add", "sub", "mul", "truediv", "div", "pow", "mod", "matmul", "setitem")
    for kind in ("", "r", "i")
}


def low_precision_of(value: object) -> Any:
    """Return `bfloat16` or `float16` for a tensor of that dtype, else None."""
    if isinstance(value, torch.Tensor):
        return {torch.bfloat16: "bfloat16", torch.float16: "float16"}.get(value.dtype)
    return None


def _is_low(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in _RAISED


def _as_double(tensor: torch.Tensor) -> torch.Tensor:
    cast = tensor.to(_RAISED[tensor.dtype])
    return cast.detach().requires_grad_() if tensor.requires_grad and tensor.is_leaf else cast


def _raised(value: Any) -> Any:
    return _RAISED.get(value, value) if isinstance(value, torch.dtype) else value


def _raised_types(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (args[0], *map(_raised_type, args[1:]))


def _raised_type(value: Any) -> Any:
    """Return float64's name for a type in PyTorch's old form, `torch.FloatTensor` or its name."""
    name = value if isinstance(value, str) else torch.typename(value)
    head, _, tail = name.rpartition(".")
    if tail not in {f"{old}Tensor" for old in _OLD_NAMES}:
        return value
    return f"{head}.DoubleTensor"


def _like_raised(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Replace a tensor whose precision is asked for (`x.to(other)`) by one in float64."""
    return (
        (args[0], *(_as_double(a.detach()) if _is_low(a) else a for a in args[1:])),
        {k: _as_double(v.detach()) if _is_low(v) else v for k, v in kwargs.items()},
    )


def _is_in_place(name: str) -> bool:
    return name in ("__setitem__", "copy_") or name.startswith("__i") or name.endswith("_")


def _lifted(
    args: tuple[Any, ...], kwargs: dict[str, Any], *, keep_first: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Cast what is still lower where it meets a float64 tensor, but for the tensor written to."""
    kept, rest = (args[:1], args[1:]) if keep_first else ((), args)
    given = [*args, *kwargs.values()]
    if not any(map(_is_low, _flat(given))) or not any(map(_is_double, _flat(given))):
        return args, kwargs
    return (*kept, *map(_double_inside, rest)), {
        name: value if name == "out" else _double_inside(value) for name, value in kwargs.items()
    }


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, (tuple, list)):
            yield from value
        else:
            yield value


def _is_double(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float64, torch.complex128)


def _double_inside(value: Any) -> Any:
    if isinstance(value, (tuple, list)) and any(map(_is_low, value)):
        return [_as_float64(v) for v in value]
    return _as_float64(value)


def _as_float64(value: Any) -> Any:
    return value.to(_RAISED[value.dtype]) if _is_low(value) else value


@contextmanager
def attributes_in_float64(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Cast tensors that modules keep as plain attributes; put the originals back at the end."""
    before: list[tuple[torch.nn.Module, str, Any]] = []
    for module in modules:
        for name, value in list(vars(module).items()):
            if name in _REGISTERED or not _holds_tensors(value):
                continue
            if any(map(_is_low, tree_flatten(value)[0])):
                before.append((module, name, value))
                object.__setattr__(module, name, tree_map(_as_float64, value))
    try:
        yield
    finally:
        for module, name, value in before:
            object.__setattr__(module, name, value)


def _holds_tensors(value: Any) -> bool:
    is_plain = type(value) in (dict, list, tuple) or isinstance(value, torch.Tensor)
    return is_plain and any(isinstance(leaf, torch.Tensor) for leaf in tree_flatten(value)[0])
