"""A training loop of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from parity.adapters.torch_checkpoint import without_checkpointing
from parity.base.numerics import Array
from parity.steps.frameworks.batches import watched_batches
from parity.steps.frameworks.protocol import Listener, Receive
from parity.steps.frameworks.torch_draws import Draws
from parity.steps.frameworks.torch_optimizer import TorchOptimizer, array_of


class TorchLoop:
    """Implements `parity.steps.frameworks.protocol.Loop`.

    Args:
        adapters: of the models, by name.
    """

    def __init__(self, adapters: Mapping[str, Any]) -> None:
        self._adapters = dict(adapters)
        self._optimizers: dict[str, TorchOptimizer] = {}
        self._draws: Draws | None = None
        self._listener: Listener
        self._hooks: ExitStack | None = None
        self._followed: dict[str, ExitStack] = {}

    def add_model(self, name: str, adapter: Any) -> None:
        """See `Loop`."""
        self._adapters[name] = adapter
        if self._hooks is not None:
            wrapped = _wrapped_forward(adapter.module, name, self._listener)
            self._hooks.enter_context(wrapped)

    def optimizer(
        self, name: str, optimizer: Any, names: Mapping[int, str], *, is_partial: bool = False
    ) -> TorchOptimizer:
        """See `Loop`."""
        self._optimizers[name] = TorchOptimizer(optimizer, names, is_partial=is_partial)
        self._tell_of(name)
        return self._optimizers[name]

    def _tell_of(self, name: str) -> None:
        """Tell of the steps of an optimizer, which replaces one of the same name."""
        if self._hooks is None:
            return
        self._followed.pop(name, ExitStack()).close()
        self._followed[name] = ExitStack()
        self._followed[name].enter_context(self._optimizers[name].followed_by(name, self._listener))
        self._hooks.callback(self._followed[name].close)

    @contextmanager
    def watching(self, listener: Listener) -> Iterator[None]:
        """Wrap `forward` of the models, `torch.autograd.backward`, and `DataLoader`."""
        self._listener = listener
        with ExitStack() as stack:
            stack.callback(self.watch_draws, False)
            for name, adapter in self._adapters.items():
                stack.enter_context(_wrapped_forward(adapter.module, name, listener))
            # What a backward pass computes again would draw again, and is not what was seen.
            stack.enter_context(without_checkpointing())
            stack.enter_context(self._watched_backward())
            stack.enter_context(_watched_batches(listener))
            self._hooks = stack
            for name in self._optimizers:
                self._tell_of(name)
            yield
        self._hooks = None

    def watch_draws(self, on: bool) -> None:
        """Enter or leave a function mode, as soon as it is the innermost one."""
        if self._draws is None and on:
            self._draws = Draws(self._listener)
            self._draws.__enter__()
        if self._draws is None:
            return
        self._draws.is_wanted = on
        innermost = torch.overrides._get_current_function_mode_stack()[-1:]
        if not on and innermost == [self._draws]:
            self._draws.__exit__(None, None, None)
            self._draws = None

    @contextmanager
    def drawing_again(self) -> Iterator[None]:
        """See `Loop`: a mode of its own, since the other one may be handling a call."""
        outer = self._draws
        was_wanted = outer is not None and outer.is_wanted
        if outer is not None:
            outer.is_wanted = False
        try:
            with Draws(self._listener):
                yield
        finally:
            if outer is not None:
                outer.is_wanted = was_wanted

    @contextmanager
    def _watched_backward(self) -> Iterator[None]:
        backward, listener = torch.autograd.backward, self._listener

        def watched(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            listener.backward_begins(tensors if isinstance(tensors, torch.Tensor) else tensors[0])
            with ExitStack() as stack:
                for optimizer in self._optimizers.values():
                    stack.enter_context(optimizer.watched_contributions(listener))
                result = backward(tensors, *args, **kwargs)
            listener.backward_ends()
            return result

        torch.autograd.backward = watched
        try:
            yield
        finally:
            torch.autograd.backward = backward

    def hold(self, tensor: torch.Tensor, receive: Receive, *, alone: bool) -> torch.Tensor:
        """See `Loop`."""

        def look(gradient: torch.Tensor) -> None:
            receive(array_of(gradient))

        if tensor.requires_grad:
            tensor = tensor if alone else tensor.view_as(tensor)
            tensor.register_hook(look)
        return tensor

    def release(self) -> None:
        """See `Loop`: the hooks of outputs end with them."""

    def force(self, tensor: torch.Tensor, array: Array, receive: Receive) -> torch.Tensor:
        """See `Loop`."""
        value = self.constant(array, tensor)
        if not tensor.requires_grad:
            return value
        forced: torch.Tensor = _Forced.apply(tensor, value, lambda g: receive(array_of(g)))
        return forced

    def constant(self, array: Array, like: torch.Tensor) -> torch.Tensor:
        """See `Loop`."""
        value = torch.from_numpy(array.copy()).reshape(like.shape)
        return torch.empty_like(like, requires_grad=False).copy_(value)

    def is_tensor(self, value: object) -> bool:
        """See `Loop`."""
        return isinstance(value, torch.Tensor)

    def to_numpy(self, tensor: Any) -> Array:
        """See `Loop`."""
        return array_of(tensor)

    def has_gradient(self, tensor: torch.Tensor) -> bool:
        """See `Loop`."""
        return tensor.requires_grad

    def enables_gradients(self) -> bool:
        """See `Loop`."""
        return torch.is_grad_enabled()

    def modes(self, adapter: Any) -> list[bool | None]:
        """See `Loop`."""
        return [module.training for module in adapter.modules().values()]

    def set_modes(self, adapter: Any, modes: Sequence[bool | None]) -> None:
        """See `Loop`."""
        for module, mode in zip(adapter.modules().values(), modes, strict=True):
            module.training = bool(mode)

    def second_differences(
        self,
        loss: torch.Tensor,
        outputs: Sequence[torch.Tensor],
        changes: Sequence[Sequence[Array]],
    ) -> list[float] | None:
        """See `Loop`: the second derivative of the loss, times a change."""
        largest = [0.0] * len(outputs)
        try:
            first = torch.autograd.grad(
                loss, list(outputs), create_graph=True, retain_graph=True, allow_unused=True
            )
            smooth = [g for g in first if g is not None and g.requires_grad]
            at = [number for number, g in enumerate(first) if g is not None and g.requires_grad]
            if not smooth and _has_own_functions(loss):
                return None  # the gradient may not know what it depends on
            for trial in changes if smooth else ():
                moved = torch.autograd.grad(
                    smooth,
                    list(outputs),
                    [self.constant(trial[number], outputs[number]) for number in at],
                    retain_graph=True,
                    allow_unused=True,
                )
                if all(change is None for change in moved):
                    return None  # the graph ends, as in a function that is differentiated once
                for number, change in enumerate(moved):
                    if change is not None and change.numel():
                        largest[number] = max(largest[number], float(change.abs().max()))
        except RuntimeError:
            return None
        return largest


class _Forced(torch.autograd.Function):
    """Passes on other values, and the gradient that a function returns for the one received.

    Where a gradient is itself differentiated, it is passed on as it is.
    """

    @staticmethod
    def forward(
        ctx: Any, tensor: torch.Tensor, value: torch.Tensor, receive: Callable[..., Array | None]
    ) -> torch.Tensor:
        ctx.receive = receive
        return value

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        if torch.is_grad_enabled():
            return gradient, None, None
        forced = ctx.receive(gradient)
        if forced is None:
            return gradient, None, None
        value = torch.from_numpy(forced.copy()).reshape(gradient.shape)
        return torch.empty_like(gradient).copy_(value), None, None


def _has_own_functions(tensor: torch.Tensor) -> bool:
    """Tell whether a user's `torch.autograd.Function` is among what a tensor was computed with."""
    seen: set[Any] = set()
    left = [tensor.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return True
        seen.add(node)
        left += [function for function, _ in node.next_functions]
    return False


@contextmanager
def _wrapped_forward(module: torch.nn.Module, name: str, listener: Listener) -> Iterator[None]:
    before, function = vars(module).get("forward"), module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        return listener.call(name, function, args, kwargs)

    forward.__wrapped__ = function  # type: ignore[attr-defined]  # for inspect.signature
    module.forward = forward
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before


@contextmanager
def _watched_batches(listener: Listener) -> Iterator[None]:
    loader = torch.utils.data.DataLoader
    iterate = loader.__iter__

    loader.__iter__ = watched_batches(iterate, listener)  # type: ignore[method-assign]
    try:
        yield
    finally:
        loader.__iter__ = iterate  # type: ignore[method-assign]
