"""An optimizer of Jittor, inside a training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jittor as jt
import numpy as np

from parity.adapters.jittor_float64 import exact_var
from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.steps.frameworks.protocol import Listener
from parity.steps.step_data import Arrays

# Jittor's names of state -> PyTorch's, by class. Others keep the names that they have.
_STATES: dict[Any, dict[str, str]] = {
    jt.optim.Adam: {"m": "exp_avg", "values": "exp_avg_sq"},
    jt.optim.AdamW: {"m": "exp_avg", "values": "exp_avg_sq"},
    jt.optim.RMSprop: {"values": "square_avg"},
    jt.optim.SGD: {"values": "momentum_buffer"},
}
_NOT_SETTINGS = {"params", "grads", "initial_lr", "param_sync_iter", "n_step"}
# Their steps do not depend on how many there have been.
_WITHOUT_COUNT = (jt.optim.SGD, jt.optim.RMSprop)
# Whether gradients start from zero: a private attribute of `Optimizer`.
_FRESH = "_Optimizer__zero_grad"


class JittorOptimizer:
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
        if not isinstance(optimizer, jt.optim.Optimizer):
            raise CannotCompare(
                f"{type(optimizer).__name__} is no optimizer of Jittor: give a jt.optim one"
            )
        self._optimizer = optimizer
        # Parameters that training changes, each with its group and its place in it.
        self._places: dict[str, tuple[dict[str, Any], int]] = {}
        self._states: dict[str, str] = {}
        self.name_parameters(names, is_partial=is_partial)
        self._is_own = False
        self._last_count = int(optimizer.n_step)

    def name_parameters(self, names: Mapping[int, str], *, is_partial: bool) -> None:
        """See `WatchedOptimizer`."""
        self._places = {}
        for group in self._optimizer.param_groups:
            for number, parameter in enumerate(group["params"]):
                if id(parameter) in names:
                    self._places[names[id(parameter)]] = group, number
                elif not parameter.is_stop_grad() and not is_partial:
                    raise CannotCompare(
                        f"{type(self._optimizer).__name__} has a parameter of shape "
                        f"{tuple(parameter.shape)} that no model has: give every model"
                    )
        # Only when it is complete: the constructor of its base class is not the last thing.
        self._states = _names_of_states(self._optimizer) if names else {}

    def paths(self) -> list[str]:
        """See `WatchedOptimizer`."""
        return list(self._places)

    @contextmanager
    def followed_by(
        self, name: str, listener: Listener, before_backward: Callable[[Any], None]
    ) -> Iterator[None]:
        """Tell of its backward passes and steps in the block.

        Args:
            name: by which the listener knows it.
            listener: learns of them.
            before_backward: called with the loss of each backward pass.
        """
        optimizer = self._optimizer
        backward, step = optimizer.backward, optimizer.step

        def watched_backward(loss: Any, retain_graph: bool = False) -> None:
            listener.backward_begins(loss)
            before_backward(loss)
            with self._watched_contributions(listener):
                backward(loss, retain_graph)
            listener.backward_ends()

        def watched_step(loss: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self._is_own:
                return step(loss, *args, **kwargs)
            if loss is not None:  # as `Optimizer.pre_step` does
                optimizer.backward(loss, *args, **kwargs)
            listener.step_begins(name)
            result = step()
            listener.step_ends(name)
            self._last_count = int(optimizer.n_step)
            return result

        before = {key: vars(optimizer).get(key) for key in ("backward", "step")}
        optimizer.backward, optimizer.step = watched_backward, watched_step
        try:
            yield
        finally:
            for key, value in before.items():
                del vars(optimizer)[key]
                if value is not None:
                    vars(optimizer)[key] = value

    @contextmanager
    def _watched_contributions(self, listener: Listener) -> Iterator[None]:
        """Tell of the gradients that `jt.grad` returns for the parameters."""
        grad = jt.grad
        names = {id(group["params"][n]): path for path, (group, n) in self._places.items()}

        def watched(loss: Any, targets: Any, *args: Any, **kwargs: Any) -> Any:
            gradients = grad(loss, targets, *args, **kwargs)
            return [
                listener.contribution(names[id(target)], gradient)
                if id(target) in names
                else gradient
                for target, gradient in zip(targets, gradients, strict=True)
            ]

        jt.grad = watched
        try:
            yield
        finally:
            jt.grad = grad

    def gradients(self) -> Arrays:
        """See `WatchedOptimizer`."""
        found = {}
        for path, (group, number) in self._places.items():
            if "grads" in group and not self.is_fresh():
                found[path] = group["grads"][number].numpy().copy()
            else:
                found[path] = np.zeros(tuple(group["params"][number].shape), np.float32)
        return found

    def set_gradients(self, gradients: Mapping[str, Array]) -> None:
        """See `WatchedOptimizer`."""
        for group in self._optimizer.param_groups:
            if "grads" not in group:
                group["grads"] = [jt.zeros_like(p).stop_grad() for p in group["params"]]
        for path, array in gradients.items():
            group, number = self._places[path]
            parameter = group["params"][number]
            group["grads"][number].assign(constant_like(array, parameter))
            group["grads"][number].stop_grad()
        setattr(self._optimizer, _FRESH, False)

    def is_fresh(self) -> bool:
        """See `WatchedOptimizer`."""
        return bool(getattr(self._optimizer, _FRESH, True))

    def settings(self) -> dict[str, dict[str, float]]:
        """See `WatchedOptimizer`: a group's own, and otherwise the optimizer's."""
        common = _numbers(vars(self._optimizer))
        return {path: common | _numbers(group) for path, (group, _) in self._places.items()}

    def set_rates(self, rates: Mapping[str, float]) -> Callable[[], None]:
        """See `WatchedOptimizer`: a group gets its first parameter's."""
        optimizer = self._optimizer
        before = optimizer.lr, [(group, group.get("lr")) for group in optimizer.param_groups]
        seen: set[int] = set()
        for path, (group, _) in self._places.items():
            if id(group) in seen:
                continue
            if not seen:
                optimizer.lr = rates[path]
            seen.add(id(group))
            group["lr"] = rates[path]

        def put_back() -> None:
            optimizer.lr, groups = before
            for group, rate in groups:
                group.pop("lr", None)
                if rate is not None:
                    group["lr"] = rate

        return put_back

    def count(self) -> int | None:
        """See `WatchedOptimizer`."""
        return None if isinstance(self._optimizer, _WITHOUT_COUNT) else int(self._optimizer.n_step)

    def counted(self) -> int:
        """See `WatchedOptimizer`: Jittor's optimizers count backward passes."""
        return int(self._optimizer.n_step) - self._last_count

    def state(self) -> dict[str, Arrays]:
        """See `WatchedOptimizer`."""
        found: dict[str, Arrays] = {}
        for path, (group, number) in self._places.items():
            for own, name in self._states.items():
                found.setdefault(name, {})[path] = group[own][number].numpy().copy()
        return found

    def set_state(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """See `WatchedOptimizer`."""
        if count is not None:
            self._optimizer.n_step = count
        for path, (group, number) in self._places.items():
            for own, name in self._states.items():
                if path in state.get(name, {}):
                    var = group[own][number]
                    var.assign(constant_like(state[name][path], group["params"][number]))
                    var.stop_grad()

    def start_from(self, state: Mapping[str, Mapping[str, Array]], count: int | None) -> None:
        """See `WatchedOptimizer`: the backward pass adds 1 to the number."""
        self.set_state(state, None if count is None else count - 1)
        self._last_count = int(self._optimizer.n_step)

    def snapshot(self) -> Callable[[], None]:
        """See `WatchedOptimizer`."""
        optimizer = self._optimizer
        names = ["grads", *self._states]
        kept = [
            (var, var.clone().stop_grad())
            for group in optimizer.param_groups
            for name in names
            for var in group.get(name, ())
        ]
        had_gradients = [(group, "grads" in group) for group in optimizer.param_groups]
        jt.sync([copy for _, copy in kept])
        numbers = optimizer.n_step, self.is_fresh()

        def put_back() -> None:
            for var, copy in kept:
                var.assign(copy)
                var.stop_grad()
            for group, had in had_gradients:
                if not had:
                    group.pop("grads", None)
            optimizer.n_step = numbers[0]
            setattr(optimizer, _FRESH, numbers[1])
            jt.sync_all()

        return put_back

    def take_step(self) -> None:
        """See `WatchedOptimizer`."""
        self._is_own = True
        try:
            self._optimizer.step()
            jt.sync_all()
        finally:
            self._is_own = False


def _names_of_states(optimizer: Any) -> dict[str, str]:
    """Return the lists of state in a group, each with as many tensors as there are parameters."""
    known = next((n for kind, n in _STATES.items() if isinstance(optimizer, kind)), {})
    group = optimizer.param_groups[0]
    momenta = (
        [g.get("momentum", optimizer.momentum) for g in optimizer.param_groups]
        if isinstance(optimizer, jt.optim.SGD)
        else [1.0]
    )
    if not any(momenta):
        return {}  # what it keeps there is the gradient, which it does not use again
    number = len(group["params"])
    return {
        own: known.get(own, own)
        for own, values in group.items()
        if own not in _NOT_SETTINGS
        and isinstance(values, list)
        and len(values) == number
        and all(isinstance(value, jt.Var) for value in values)
    }


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values.items():
        if name.startswith("_") or name in _NOT_SETTINGS:
            continue
        items = value if isinstance(value, (tuple, list)) else [value]
        for number, item in enumerate(items):
            if isinstance(item, (bool, int, float)):
                found[name if item is value else f"{name}.{number}"] = float(item)
    return {name: number for name, number in found.items() if math.isfinite(number)}


def constant_like(array: Array, parameter: Any) -> Any:
    """Return a tensor of a parameter's shape and dtype."""
    shape = tuple(parameter.shape)
    value = exact_var(np.ascontiguousarray(array).reshape(shape))
    return (value if value.dtype == parameter.dtype else value.cast(parameter.dtype)).stop_grad()
