"""Describes a call of PyTorch as a `Use`: names for its tensors, plain values for the rest."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from parity.adapters.protocol import Adapter
from parity.atlas.calls.layers import as_layer
from parity.atlas.calls.use import Dtype, Layer, Ref, Use, leaves

# Where a tensor lies, and what changes no result, is not part of what a port computes.
LEFT_OUT = {
    "device", "layout", "pin_memory", "memory_format", "non_blocking", "requires_grad", "copy",
    "generator", "out", "inplace",
}  # fmt: skip
FREE_NAMES = ("x", "y", "z")
IN_PLACE_METHODS = {"__setitem__"}


class Unwritable(Exception):  # noqa: N818 - turned into a reason
    """An argument has no form as source, or the call computes nothing."""


class Described(NamedTuple):
    """A call: what is written of it, and its tensors by the names in there."""

    use: Use
    tensors: Mapping[str, Any]


class Describer:
    """Describes calls of one model.

    Args:
        parameters: identity of each parameter and buffer -> its path.
    """

    def __init__(self, parameters: Mapping[int, str]) -> None:
        self._parameters = parameters
        self._torch = importlib.import_module("torch")

    def function(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Described:
        """Describe the call of a function or method.

        Raises:
            Unwritable: an argument has no form as source.
        """
        names = self._names()
        if is_in_place(name) and isinstance(args[0], self._torch.Tensor) and args[0]._is_view():
            raise Unwritable(
                "it changes a view of another tensor; in Jittor a slice is a copy, so assign to "
                "the slice instead: y[:, 0] = …"
            )
        positional, keywords = self._templates(names, args, kwargs)
        keywords, defaults = _split(keywords, function)
        if name == "torch.Tensor.to":
            positional = tuple(v for v in positional if isinstance(v, (Ref, Dtype)))
            if not any(isinstance(v, Dtype) for v in leaves([positional[1:], keywords])):
                raise Unwritable("")  # only a device: nothing is computed
        use = Use(
            name=name, positional=positional, keywords=keywords, defaults=defaults,
            in_place=is_in_place(name), weights=frozenset(names.weights),
        )  # fmt: skip
        return Described(use, names.tensors)

    def layer(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Described:
        """Describe the call of a layer of `torch.nn`; one that cannot be built again says why.

        Raises:
            Unwritable: an argument has no form as source.
        """
        name = f"torch.nn.{type(module).__name__}"
        state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        built = as_layer(module, {k: t for k, t in state.items() if t.is_floating_point()})
        if isinstance(built, str):
            return Described(Use(name=name, unbuilt=built), {})
        layer, tensors = built
        names = self._names()
        names.tensors |= tensors
        names.weights |= set(tensors)
        positional, keywords = self._templates(names, args, kwargs)
        use = Use(
            name=name, positional=positional, keywords=keywords, layer=_checked(layer),
            weights=frozenset(names.weights),
        )  # fmt: skip
        return Described(use, names.tensors)

    def _names(self) -> _Names:
        return _Names(self._parameters, self._torch)

    def _templates(
        self, names: _Names, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return tuple(names.template(value) for value in args), {
            key: names.template(value)
            for key, value in kwargs.items()
            if key not in LEFT_OUT and value is not None
        }


def describer_of(adapter: Adapter) -> Describer:
    """Return the describer of a model's calls."""
    state = {**adapter.parameters(), **adapter.buffers()}
    return Describer({id(tensor): path for path, tensor in state.items()})


def is_in_place(name: str) -> bool:
    """Tell whether a function changes its first tensor."""
    method = name.rpartition(".")[2]
    return method in IN_PLACE_METHODS or (method.endswith("_") and not method.endswith("__"))


def _checked(layer: Layer) -> Layer:
    if not all(
        name.isidentifier() for name in (*layer.parameters.values(), *layer.buffers.values())
    ):
        raise Unwritable("a parameter's name is none of Python")
    return layer


def _split(keywords: Mapping[str, Any], function: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return keywords apart from those with their default values, which PyTorch passes on too."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a compiled function
        return dict(keywords), {}
    defaults = {
        name: value
        for name, value in keywords.items()
        if name in parameters and _is_same(parameters[name].default, value)
    }
    return {k: v for k, v in keywords.items() if k not in defaults}, defaults


def _is_same(default: Any, value: Any) -> bool:
    return type(default) is type(value) and bool(default == value)


class _Names:
    """Gives names to the tensors of one call."""

    def __init__(self, parameters: Mapping[int, str], torch: Any) -> None:
        self._parameters, self._torch = parameters, torch
        self.tensors: dict[str, Any] = {}
        self.weights: set[str] = set()

    def template(self, value: Any) -> Any:
        """Return an argument with references in place of tensors.

        Raises:
            Unwritable: it holds an object that has no form as source.
        """
        torch = self._torch
        if isinstance(value, torch.Tensor):
            return self._reference(value)
        if isinstance(value, torch.dtype):
            return Dtype(str(value).removeprefix("torch."))
        if isinstance(value, list):
            return [self.template(item) for item in value]
        if type(value) in (tuple, torch.Size):
            return tuple(self.template(item) for item in value)
        if isinstance(value, slice):
            return slice(*(self.template(v) for v in (value.start, value.stop, value.step)))
        if isinstance(value, (torch.device, torch.memory_format, torch.layout)):
            return None
        if value is None or value is ... or isinstance(value, (bool, int, float, complex, str)):
            return value
        if isinstance(value, np.generic):
            return value.item()
        raise Unwritable(f"an argument is of type {type(value).__name__}")

    def _reference(self, tensor: Any) -> Ref:
        for name, known in self.tensors.items():
            if known is tensor:
                return Ref(name)
        path = self._parameters.get(id(tensor))
        name = path.rpartition(".")[2] if path else ""
        if not name.isidentifier() or name in self.tensors:
            free = [n for n in FREE_NAMES if n not in self.tensors]
            name = free[0] if free else f"x{len(self.tensors)}"
        self.tensors[name] = tensor
        if path:
            self.weights.add(name)
        return Ref(name)
