"""A training loop of Jittor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_casts import replaced
from parity.adapters.jittor_float64 import exact_var
from parity.base.numerics import Array
from parity.steps.frameworks.batches import watched_batches
from parity.steps.frameworks.jittor_optimizer import JittorOptimizer, constant_like
from parity.steps.frameworks.protocol import Listener, Receive
from parity.steps.step_data import DrawFamily

_FAMILIES: dict[str, DrawFamily] = {
    **dict.fromkeys(("rand", "rand_like"), "uniform"),
    **dict.fromkeys(("randn", "randn_like"), "normal"),
    **dict.fromkeys(("randint", "randint_like"), "integers"),
    "randperm": "permutation",
}
# The number of a kept element in what is recorded of dropout; a dropped one has 0.
_KEPT = np.float32(1 - 2.0**-24)


class JittorLoop:
    """Implements `parity.steps.frameworks.protocol.Loop`.

    Args:
        adapters: of the models, by name.
    """

    def __init__(self, adapters: Mapping[str, Any]) -> None:
        self._adapters = dict(adapters)
        self._hooks: ExitStack | None = None
        self._followed: dict[str, ExitStack] = {}
        self._optimizers: dict[str, JittorOptimizer] = {}
        # Outputs whose gradients are wanted, with what receives them.
        self._held: list[tuple[Any, Receive]] = []
        self._draws = ExitStack()
        self._watches_draws = False
        self._listener: Listener

    def add_model(self, name: str, adapter: Any) -> None:
        """See `Loop`."""
        self._adapters[name] = adapter
        if self._hooks is not None:
            wrapped = _wrapped_execute(adapter.module, name, self._listener)
            self._hooks.enter_context(wrapped)

    def optimizer(
        self, name: str, optimizer: Any, names: Mapping[int, str], *, is_partial: bool = False
    ) -> JittorOptimizer:
        """See `Loop`."""
        watched = JittorOptimizer(optimizer, names, is_partial=is_partial)
        self._optimizers[name] = watched
        self._tell_of(name)
        return watched

    def _tell_of(self, name: str) -> None:
        """Tell of the steps of an optimizer, which replaces one of the same name."""
        if self._hooks is None:
            return
        self._followed.pop(name, ExitStack()).close()
        self._followed[name] = ExitStack()
        self._followed[name].enter_context(
            self._optimizers[name].followed_by(name, self._listener, self._receive_held)
        )
        self._hooks.callback(self._followed[name].close)

    @contextmanager
    def watching(self, listener: Listener) -> Iterator[None]:
        """Wrap `execute` of the models, `backward` and `step` of the optimizers, and `Dataset`."""
        self._listener = listener
        with ExitStack() as stack:
            stack.callback(self.watch_draws, False)
            for name, adapter in self._adapters.items():
                stack.enter_context(_wrapped_execute(adapter.module, name, listener))
            stack.enter_context(_watched_batches(listener))
            self._hooks = stack
            for name in self._optimizers:
                self._tell_of(name)
            yield
        self._hooks = None

    def watch_draws(self, on: bool) -> None:
        """Replace Jittor's random functions, or put them back."""
        if on and not self._watches_draws:
            self._draws.enter_context(_watched_draws(self._listener))
        elif not on:
            self._draws.close()
        self._watches_draws = on

    @contextmanager
    def drawing_again(self) -> Iterator[None]:
        """See `Loop`."""
        with nullcontext() if self._watches_draws else _watched_draws(self._listener):
            yield

    def hold(self, tensor: Any, receive: Receive, *, alone: bool) -> Any:
        """See `Loop`: the gradients are computed before those of the parameters."""
        if not alone and self.has_gradient(tensor):
            tensor = tensor.reshape(tensor.shape)
        self._held.append((tensor, receive))
        return tensor

    def _receive_held(self, loss: Any) -> None:
        if not self._held:
            return
        gradients = jt.grad(loss, [tensor for tensor, _ in self._held], True)
        for (_, receive), gradient in zip(self._held, gradients, strict=True):
            array = gradient.numpy()
            if array.any():
                receive(array.copy())

    def release(self) -> None:
        """See `Loop`."""
        self._held.clear()

    def force(self, tensor: Any, array: Array, receive: Receive) -> Any:
        """See `Loop`."""
        value = self.constant(array, tensor)
        if tensor.is_stop_grad() or not tensor.dtype.is_float():
            return value
        return _Forced(value, receive)(tensor)

    def constant(self, array: Array, like: Any) -> Any:
        """See `Loop`."""
        return constant_like(array, like)

    def is_tensor(self, value: object) -> bool:
        """See `Loop`."""
        return isinstance(value, jt.Var)

    def to_numpy(self, tensor: Any) -> Array:
        """See `Loop`."""
        array: Array = tensor.numpy()
        return array.astype(np.float32) if array.dtype == np.float16 else array.copy()

    def has_gradient(self, tensor: Any) -> bool:
        """See `Loop`."""
        return not tensor.is_stop_grad() and bool(tensor.dtype.is_float())

    def enables_gradients(self) -> bool:
        """See `Loop`."""
        return not jt.flags.no_grad

    def modes(self, adapter: Any) -> list[bool | None]:
        """See `Loop`: a module has no mode before `train` or `eval` was called."""
        return [vars(module).get("is_train") for module in adapter.modules().values()]

    def set_modes(self, adapter: Any, modes: Sequence[bool | None]) -> None:
        """See `Loop`."""
        for module, mode in zip(adapter.modules().values(), modes, strict=True):
            vars(module).pop("is_train", None)
            if mode is not None:
                module.is_train = mode

    def second_differences(
        self, loss: Any, outputs: Sequence[Any], changes: Sequence[Sequence[Array]]
    ) -> list[float] | None:
        """See `Loop`: the gradient of (gradient of the loss) * change."""
        largest = [0.0] * len(outputs)
        try:
            first = jt.grad(loss, list(outputs), True)
            for trial in changes:
                weights = [self.constant(c, o) for c, o in zip(trial, outputs, strict=True)]
                jt.sync(weights)  # a pending array of one element cannot be fused
                total = sum((g * w).sum() for g, w in zip(first, weights, strict=True))
                for number, moved in enumerate(jt.grad(total, list(outputs), True)):
                    array = moved.numpy()
                    if array.size:
                        largest[number] = max(largest[number], float(np.abs(array).max()))
        except RuntimeError:
            return None
        return largest


class _Forced(jt.Function):
    """Passes on another value, and the gradient that a function returns for the one received."""

    def __init__(self, value: Any, receive: Receive) -> None:
        self.value, self.receive = value, receive

    def execute(self, tensor: Any) -> Any:
        return self.value.clone()

    def grad(self, gradient: Any) -> Any:
        forced = self.receive(gradient.numpy().copy())
        if forced is None:
            return gradient
        value = exact_var(np.ascontiguousarray(forced).reshape(tuple(gradient.shape)))
        return value if value.dtype == gradient.dtype else value.cast(gradient.dtype)


@contextmanager
def _wrapped_execute(module: Any, name: str, listener: Listener) -> Iterator[None]:
    before, function = vars(module).get("execute"), module.execute

    def execute(*args: Any, **kwargs: Any) -> Any:
        return listener.call(name, function, args, kwargs)

    execute.__wrapped__ = function  # type: ignore[attr-defined]  # for inspect.signature
    vars(module)["execute"] = execute
    try:
        yield
    finally:
        del vars(module)["execute"]
        if before is not None:
            vars(module)["execute"] = before


@contextmanager
def _watched_batches(listener: Listener) -> Iterator[None]:
    dataset = jt.dataset.Dataset
    with replaced([(dataset, "__iter__", watched_batches(dataset.__iter__, listener))]):
        yield


@contextmanager
def _watched_draws(listener: Listener) -> Iterator[None]:
    """Tell of what the functions of `jittor` draw that scripts call, and of dropout."""
    inside = False

    def watched(function: Callable[..., Any], family: DrawFamily) -> Callable[..., Any]:
        def drawn(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return function(*args, **kwargs)
            inside = True
            try:
                result = function(*args, **kwargs)
            finally:
                inside = False
            return listener.draw(family, result)

        return drawn

    def dropping(execute: Callable[..., Any]) -> Callable[..., Any]:
        def watched_execute(layer: Any, x: Any) -> Any:
            nonlocal inside
            if inside or not layer.is_train or not 0 < layer.p < 1:
                return execute(layer, x)
            random, inside = jt.random, True

            def kept(*args: Any, **kwargs: Any) -> Any:
                numbers = random(*args, **kwargs)
                listener.draw("dropout", (numbers > layer.p).float32() * _KEPT)
                return numbers

            with replaced([(jt, "random", kept)]):
                try:
                    return execute(layer, x)
                finally:
                    inside = False

        return watched_execute

    def random(shape: Any, dtype: Any = "float32", type: str = "uniform") -> Any:
        result = native(shape, dtype, type)
        return (
            result if inside else listener.draw("normal" if type == "normal" else "uniform", result)
        )

    native = jt.random
    replacements = [
        (owner, name, watched(getattr(owner, name), family))
        for name, family in _FAMILIES.items()
        for owner in (jt, jt.misc)
        if hasattr(owner, name)
    ]
    replacements += [
        (layer, "execute", dropping(layer.execute)) for layer in (jt.nn.Dropout, jt.nn.Dropout2d)
    ]
    replacements.append((jt, "random", random))
    with replaced(replacements):
        yield
