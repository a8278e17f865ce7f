"""Follows a PyTorch model while it runs: functions that it calls, and modules that it enters."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from parity.atlas.calls.sources import BINARY, PROPERTY, REFLECTED, UNARY

# Bookkeeping of PyTorch that returns a tensor.
NO_OPERATORS = {
    f"torch.Tensor.{name}"
    for name in (
        "data.__get__", "grad.__get__", "requires_grad_", "cpu", "cuda", "retain_grad",
        "as_subclass",
    )
}  # fmt: skip
OPERATOR_METHODS = {*BINARY, *REFLECTED, *UNARY, "__getitem__", "__setitem__"}


class Observer(Protocol):
    """Is told of calls, and decides what they return."""

    def function_called(
        self, name: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return the result of a function that PyTorch knows by a name."""

    def entered(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of a module that is called."""

    def left(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """Return the result of a module, or None to leave it as it is."""


@contextmanager
def observed(modules: Mapping[str, Any], observer: Observer) -> Iterator[None]:
    """Tell an observer of the calls of the code inside the `with` block.

    What the observer itself calls is not observed.

    Args:
        modules: every module of the model.
        observer: of functions, and of these modules.
    """
    torch, overrides = importlib.import_module("torch"), importlib.import_module("torch.overrides")
    no_functions = torch._C.DisableTorchFunction
    base: Any = overrides.TorchFunctionMode

    class Observing(base):
        def __torch_function__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            name = overrides.resolve_name(function)
            if name is None or not _is_operator(name):
                return function(*args, **(kwargs or {}))
            name = name.replace("torch.functional.", "torch.")
            return observer.function_called(name, function, args, kwargs or {})

    def enter(module: Any, args: Any, kwargs: Any) -> None:
        with no_functions():
            observer.entered(module, args, kwargs)

    def leave(module: Any, args: Any, kwargs: Any, result: Any) -> Any:
        with no_functions():
            return observer.left(module, args, kwargs, result)

    with ExitStack() as stack:
        for module in modules.values():
            stack.callback(module.register_forward_pre_hook(enter, with_kwargs=True).remove)
            stack.callback(module.register_forward_hook(leave, with_kwargs=True).remove)
        stack.enter_context(Observing())
        yield


def _is_operator(name: str) -> bool:
    if name in NO_OPERATORS:
        return False
    method = name.rpartition("torch.Tensor.")[2]
    return not method.startswith("__") or method in OPERATOR_METHODS or method.endswith(PROPERTY)
