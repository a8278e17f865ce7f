"""An optimizer of PyTorch, inside a training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import torch

from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.steps.frameworks.protocol import Listener
from parity.steps.step_data import Arrays

# Of a group: where and how a step is computed, and what a scheduler keeps for itself.
_NOT_SETTINGS = {
    *("params", "foreach", "fused", "capturable", "differentiable", "initial_lr"),
    *("decoupled_weight_decay", "param_names"),
}
# State that each optimizer has from its first step on; zeros stand for it before.
_STATES = {
    torch.optim.Adam: ("exp_avg", "exp_avg_sq"),
    torch.optim.AdamW: ("exp_avg", "exp_avg_sq"),
    torch.optim.RMSprop: ("square_avg",),
    torch.optim.SGD: ("momentum_buffer",),
}
# Their steps do not depend on how many there have been.
_COUNTS_UNUSED = (torch.optim.RMSprop,)
_WITHOUT_COUNT = (torch.optim.SGD, *_COUNTS_UNUSED)


class TorchOptimizer:
    """Implements `parity.steps.frameworks.protocol.WatchedOptimizer`.

    Args:
        optimizer: to be watched.
        names: identity of a parameter -> its name.
        is_partial: whether parameters without a name are left alone.

    Raises:
        CannotCompare: it is no optimizer, or has a parameter without a name.
    """

    def __init__(
        self, optimizer: Any, names: Mapping[int, str], *, is_partial: bool = False
    ) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise CannotCompare(
                f"{type(optimizer).__name__} is no optimizer of PyTorch: give a torch.optim one"
            )
        self._optimizer = optimizer
        self._parameters: dict[str, torch.Tensor] = {}
        self.name_parameters(names, is_partial=is_partial)
        self._is_own = False
        # Whether a step makes the state where there is none, as most optimizers of PyTorch do.
        steps = next(k for k in type(optimizer).__mro__ if "step" in vars(k))
        self._makes_its_state = steps.__module__.startswith("torch.optim") and not isinstance(
            optimizer, torch.optim.Adagrad
        )

    def name_parameters(self, names: Mapping[int, str], *, is_partial: bool) -> None:
        """See `WatchedOptimizer`."""
        if names and isinstance(self._optimizer, torch.optim.LBFGS):
            raise CannotCompare(
                "LBFGS calls the model several times in one step, which cannot be followed: "
                "compare the models with parity check"
            )
        self._parameters = {}
        for parameter in (p for group in self._optimizer.param_groups for p in group["params"]):
            if id(parameter) in names:
                self._parameters[names[id(parameter)]] = parameter
            elif not is_partial:
                raise CannotCompare(
                    f"{type(self._optimizer).__name__} has a parameter of shape "
                    f"{tuple(parameter.shape)} that no model has: give every model"
                )

    def paths(self) -> list[str]:
        """See `WatchedOptimizer`."""
        return list(self._parameters)

    @contextmanager
    def followed_by(self, name: str, listener: Listener) -> Iterator[None]:
        """Tell of its steps in the block, by its own hooks."""

        def begins(*_: Any) -> None:
            if not self._is_own:
                listener.step_begins(name)

        def ends(*_: Any) -> None:
            if not self._is_own:
                listener.step_ends(name)

        if not hasattr(self._optimizer, "register_step_pre_hook"):  # before PyTorch 2.0
            with _wrapped_step(self._optimizer, begins, ends):
                yield
            return
        handles = [
            self._optimizer.register_step_pre_hook(begins),
            self._optimizer.register_step_post_hook(ends),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def watched_contributions(self, listener: Listener) -> Iterator[None]:
        """Tell of the gradients that a backward pass adds."""
        handles = [
            p.register_hook(partial(listener.contribution, path))
            for path, p in self._parameters.items()
            if p.requires_grad
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def gradients(self) -> Arrays:
        """See `WatchedOptimizer`."""
        return {
            path: np.zeros(tuple(p.shape), np.float32) if p.grad is None else array_of(p.grad)
            for path, p in self._parameters.items()
        }

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """See `WatchedOptimizer`; a gradient that is not there stays so where it is to be zero."""
        for path, array in gradients.items():
            parameter = self._parameters[path]
            if parameter.grad is None and not array.any():
                continue
            parameter.grad = _tensor(array, parameter)

    def is_fresh(self) -> bool:
        """See `WatchedOptimizer`."""
        found = (p.grad for p in self._parameters.values())
        return not any(g is not None and bool(g.any()) for g in found)

    def settings(self) -> dict[str, dict[str, float]]:
        """See `WatchedOptimizer`."""
        names = {id(p): path for path, p in self._parameters.items()}
        return {
            names[id(parameter)]: numbers
            for group in self._optimizer.param_groups
            for numbers in [_numbers(group)]
            for parameter in group["params"]
            if id(parameter) in names
        }

    def set_rates(self, rates: Mapping[str, float]) -> Callable[[], None]:
        """See `WatchedOptimizer`: a group gets its first parameter's."""
        names = {id(p): path for path, p in self._parameters.items()}
        groups = list(self._optimizer.param_groups)
        before = [group["lr"] for group in groups]
        for group in groups:
            found = [names[id(p)] for p in group["params"] if id(p) in names]
            if found:
                group["lr"] = _like(group["lr"], rates[found[0]])

        def put_back() -> None:
            for group, rate in zip(groups, before, strict=True):
                group["lr"] = rate

        return put_back

    def count(self) -> int | None:
        """See `WatchedOptimizer`."""
        if isinstance(self._optimizer, _WITHOUT_COUNT):
            return None
        counts = [s["step"] for s in self._optimizer.state.values() if "step" in s]
        return int(max(map(float, counts), default=0)) + 1

    def counted(self) -> int:
        """See `WatchedOptimizer`: PyTorch's optimizers count in the step itself."""
        return 1

    def state(self) -> dict[str, Arrays]:
        """See `WatchedOptimizer`."""
        names = {
            n for kind, found in _STATES.items() if isinstance(self._optimizer, kind) for n in found
        }
        if not any(group.get("momentum") for group in self._optimizer.param_groups):
            names.discard("momentum_buffer")
        for values in self._optimizer.state.values():
            names |= {n for n, v in values.items() if isinstance(v, torch.Tensor) and n != "step"}
        return {name: self._state_of(name) for name in sorted(names)}

    def _state_of(self, name: str) -> Arrays:
        found = {}
        for path, parameter in self._parameters.items():
            value = self._optimizer.state.get(parameter, {}).get(name)
            if value is None:
                found[path] = array_of(torch.zeros_like(parameter))
            elif value.shape == parameter.shape:
                found[path] = array_of(value)
        return found

    def set_state(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """See `WatchedOptimizer`: before the first step there is none, or zeros."""
        is_new = count in (None, 1) and not any(
            array.any() for arrays in state.values() for array in arrays.values()
        )
        for path, parameter in self._parameters.items():
            if is_new and self._makes_its_state:
                self._optimizer.state.pop(parameter, None)
                continue
            own = self._optimizer.state[parameter]
            for name, arrays in state.items():
                if path in arrays:
                    own[name] = _tensor(arrays[path], parameter)
            # Other tensors than before, because optimizers count in place.
            if count is not None or "step" in own or isinstance(self._optimizer, _COUNTS_UNUSED):
                number = 0 if count is None else count - 1
                like = torch.as_tensor(own.get("step", 0.0))
                own["step"] = torch.full_like(like, number) if count is not None else like.clone()

    def start_from(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """See `WatchedOptimizer`."""
        self.set_state(state, count)

    def snapshot(self) -> Callable[[], None]:
        """See `WatchedOptimizer`."""
        state = self._optimizer.state
        before = {p: dict(state[p]) for p in self._parameters.values() if p in state}
        kept = [
            (value, value.clone())
            for own in before.values()
            for value in own.values()
            if isinstance(value, torch.Tensor)
        ]

        def put_back() -> None:
            for parameter in self._parameters.values():
                state.pop(parameter, None)
                if parameter in before:
                    state[parameter] = before[parameter]
            with torch.no_grad():
                for tensor, copy in kept:
                    tensor.copy_(copy)

        return put_back

    def take_step(self) -> None:
        """See `WatchedOptimizer`."""
        self._is_own = True
        try:
            type(self._optimizer).step(self._optimizer)
        finally:
            self._is_own = False


def _numbers(group: Mapping[str, Any]) -> dict[str, float]:
    """Return the settings of a group that are numbers; those of a pair get a number each."""
    found: dict[str, float] = {}
    for name, value in group.items():
        if name in _NOT_SETTINGS:
            continue
        values = value if isinstance(value, (tuple, list)) else [value]
        for number, item in enumerate(values):
            if isinstance(item, (bool, int, float)) or getattr(item, "shape", None) == ():
                found[name if item is value else f"{name}.{number}"] = float(item)
    return {name: number for name, number in found.items() if math.isfinite(number)}


def _like(before: Any, rate: float) -> Any:
    return torch.full_like(before, rate) if isinstance(before, torch.Tensor) else rate


def array_of(tensor: torch.Tensor) -> Array:
    """Return a copy of a tensor, in a dtype that NumPy has."""
    tensor = tensor.detach()
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()
    array: Array = tensor.to_dense().cpu().numpy().copy()
    return array


def _tensor(array: Array, parameter: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the layout of a parameter too: fused optimizers rely on it."""
    value = torch.from_numpy(array.copy()).reshape(parameter.shape)
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


@contextmanager
def _wrapped_step(
    optimizer: Any, begins: Callable[[], object], ends: Callable[[], object]
) -> Iterator[None]:
    """Call functions before and after each step in the block, by a method of the instance.

    A scheduler wraps the method that it finds, once, and counts its calls.
    """
    step, before = optimizer.step, vars(optimizer).get("step")

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        begins()
        result = step(*args, **kwargs)
        ends()
        return result

    if hasattr(step, "_with_counter"):
        vars(wrapped)["_with_counter"] = step._with_counter
    optimizer.step = MethodType(wrapped, optimizer)
    try:
        yield
    finally:
        if before is None:
            del optimizer.step
        else:
            optimizer.step = before
