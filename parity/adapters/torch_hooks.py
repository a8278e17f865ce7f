"""Lets calls of submodules, and results of operations, of PyTorch pass through functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from parity.adapters.protocol import PostHook, PreHook
from parity.base.call_form import CallForm
from parity.base.perturbation import PerturbResult


@contextmanager
def hooked_forward(
    modules: Mapping[str, torch.nn.Module], pre_hook: PreHook, post_hook: PostHook
) -> Iterator[None]:
    """Wrap `forward` on each instance.

    Calls that an autograd function makes are left alone. It may make them again in its backward
    pass, as hand-written checkpointing does, and then expects the same values. So are those inside
    a function transform, such as `torch.vmap`, whose tensors have no values of their own.

    Args:
        modules: by path.
        pre_hook: as in `Adapter.hooked`.
        post_hook: likewise.
    """
    inside = _Inside()
    before = {path: vars(module).get("forward") for path, module in modules.items()}
    for path, module in modules.items():
        forward = _hooked(path, module.forward, pre_hook, post_hook, inside)
        object.__setattr__(module, "forward", forward)
    try:
        with inside.counting():
            yield
    finally:
        for path, module in modules.items():
            object.__delattr__(module, "forward")
            if before[path] is not None:
                object.__setattr__(module, "forward", before[path])


def _signature(forward: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(forward)
    except ValueError:  # of a traced module
        return inspect.signature(lambda *args, **kwargs: None)


def _is_transformed() -> bool:
    """Tell whether a function transform runs, `torch.vmap` for example: tensors have no values.

    Before PyTorch 2.0 they are a package of their own, and are not seen.
    """
    innermost = getattr(getattr(torch._C, "_functorch", None), "peek_interpreter_stack", None)
    return innermost is not None and innermost() is not None


class _Inside:
    """Knows whether the code of an autograd function runs.

    Attributes:
        function: number of functions, one inside the other.
    """

    def __init__(self) -> None:
        self.function = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count calls of autograd functions inside the block."""
        own = vars(torch.autograd.Function).get("apply")
        apply: Any = own or inspect.getattr_static(torch.autograd.Function, "apply")

        def counted(function: Any, *args: Any, **kwargs: Any) -> Any:
            self.function += 1
            try:
                # A classmethod in some versions of PyTorch, and a descriptor of C in others.
                return apply.__get__(None, function)(*args, **kwargs)
            finally:
                self.function -= 1

        torch.autograd.Function.apply = classmethod(counted)  # type: ignore[assignment,method-assign]
        try:
            yield
        finally:
            if own is None:  # before PyTorch 2.0 it is inherited
                del torch.autograd.Function.apply
            else:
                torch.autograd.Function.apply = own  # type: ignore[method-assign]


def _hooked(
    path: str,
    forward: Callable[..., Any],
    pre_hook: PreHook,
    post_hook: PostHook,
    inside: _Inside,
) -> Callable[..., Any]:
    signature = _signature(forward)

    def hooked(*args: Any, **kwargs: Any) -> Any:
        if inside.function or _is_transformed():
            return forward(*args, **kwargs)
        form = CallForm(signature, args, kwargs)
        with torch._C.DisableTorchFunction():  # the hooks' own operations do not concern a mode
            changed = pre_hook(path, dict(form.arguments))
        positional, keywords = form.with_values(changed)
        result = forward(*positional, **keywords)
        with torch._C.DisableTorchFunction():
            return post_hook(path, result)

    return hooked


class PerturbOperations(TorchDispatchMode):
    """Perturbs the float64 results of operations on float64 tensors; views and constants stay."""

    def __init__(self, perturb: PerturbResult) -> None:
        super().__init__()
        self._perturb = perturb

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not _is_view(func) and any(map(_is_double, tree_flatten((args, kwargs))[0])):
            for tensor in filter(_is_double, tree_flatten(result)[0]):
                tensor.copy_(torch.from_numpy(self._perturb(tensor.detach().cpu().numpy())))
        return result


def _is_view(func: Any) -> bool:
    known: bool | None = getattr(func, "is_view", None)
    if known is not None:
        return known
    # Before PyTorch 2.1 an operator has no such attribute: a view shares an argument's memory.
    aliases = [argument.alias_info for argument in func._schema.arguments]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _is_double(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.float64
