"""Remembers modules of PyTorch as they are, and puts them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch


class _Tensor(NamedTuple):
    """A tensor as it was."""

    tensor: torch.Tensor
    data: torch.Tensor
    copy: torch.Tensor | None
    requires_grad: bool
    gradient: torch.Tensor | None
    hooks: dict[Any, Any] | None


def snapshot(modules: Iterable[torch.nn.Module]) -> Callable[[], None]:
    """Remember tensors, attributes and hooks; return a function that puts them back.

    A run replaces the memory of parameters before it changes them, so the present memory is kept.
    A forward pass writes into buffers and other tensors in place; they are copied.
    """
    found = list(dict.fromkeys(modules))
    attributes = [(module, dict(vars(module)), _registries(module)) for module in found]
    tensors = [_remembered(t) for t in {id(t): t for m in found for t in _tensors(m)}.values()]

    def put_back() -> None:
        for module, before, registries in attributes:
            for registry, content in registries:
                registry.clear()
                registry.update(content)
            vars(module).clear()
            vars(module).update(before)
        for tensor in tensors:
            _put_back(tensor)

    return put_back


def _registries(module: torch.nn.Module) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Return (dictionary, copy of it) of parameters, buffers, submodules and hooks."""
    return [
        (value, dict(value))
        for name, value in vars(module).items()
        if name.startswith("_") and isinstance(value, dict)
    ]


def _tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    values = [*vars(module).values(), *module._parameters.values(), *module._buffers.values()]
    yield from (value for value in values if isinstance(value, torch.Tensor))


def _remembered(tensor: torch.Tensor) -> _Tensor:
    hooks = tensor._backward_hooks
    is_changed_in_place = not isinstance(tensor, torch.nn.Parameter)
    can_be_copied = type(tensor) is torch.Tensor and tensor.layout is torch.strided
    return _Tensor(
        tensor,
        tensor.data,
        tensor.data.clone() if is_changed_in_place and can_be_copied else None,
        tensor.requires_grad,
        tensor.grad if tensor.is_leaf else None,
        None if hooks is None else dict(hooks),
    )


def _put_back(before: _Tensor) -> None:
    tensor = before.tensor
    if tensor.is_leaf:
        tensor.grad = None
    tensor.data = before.data
    if before.copy is not None:
        before.data.copy_(before.copy)
    if tensor.is_leaf:
        tensor.requires_grad_(before.requires_grad)
        tensor.grad = before.gradient
    if tensor._backward_hooks and before.hooks is None:
        tensor._backward_hooks = None
    elif tensor._backward_hooks is not None and before.hooks is not None:
        tensor._backward_hooks.clear()
        tensor._backward_hooks.update(before.hooks)
