"""Plants a spoiling where a candidate hands something over: Jittor's modules, steppers, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jittor as jt
import numpy as np

from audit.case import Edit
from audit.corruptions import Spoil
from parity.base.numerics import Array

# (spoil) -> an edit of a built side
Plant = Callable[[Spoil], Edit]


class _Spoiling(jt.Function):
    """The identity, but for what it hands on or for the gradient that it hands back."""

    def __init__(self, forward: Spoil | None, backward: Spoil | None) -> None:
        self.forward, self.backward = forward, backward

    def execute(self, x: Any) -> Any:
        return x.copy() if self.forward is None else _like(self.forward(x.numpy()), x)

    def grad(self, up: Any) -> Any:
        return up if self.backward is None else _like(self.backward(up.numpy()), up)


def _like(array: Array, var: Any) -> Any:
    return jt.array64(np.ascontiguousarray(array)).cast(var.dtype)


def _spoiled(var: Any, *, forward: Spoil | None = None, backward: Spoil | None = None) -> Any:
    """Return a variable spoiled; of anything else there is nothing to spoil."""
    return _Spoiling(forward, backward)(var) if isinstance(var, jt.Var) else var


def _module(model: Any, path: str | None) -> Any:
    """Return a module by path; None is the one in the middle of those that have a weight."""
    modules = dict(model.named_modules())
    if path is None:
        weighted = [name for name, module in modules.items() if "weight" in vars(module)]
        path = weighted[len(weighted) // 2]
    return modules[path]


def output(path: str | None) -> Plant:
    """Spoil what a module returns; None, here and below, is a layer in the middle."""

    def plant(spoil: Spoil) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute
            module.execute = lambda *a, **k: _spoiled(execute(*a, **k), forward=spoil)

        return edit

    return plant


def input_gradient(path: str | None) -> Plant:
    """Spoil the gradient by what a module is given first."""

    def plant(spoil: Spoil) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute
            module.execute = lambda x, *a: execute(_spoiled(x, backward=spoil), *a)

        return edit

    return plant


def parameter_gradient(path: str | None) -> Plant:
    """Spoil the gradient by a module's weight."""

    def plant(spoil: Spoil) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute

            def spoiled(*args: Any) -> Any:
                weight = module.weight
                module.weight = _spoiled(weight, backward=spoil)
                try:
                    return execute(*args)
                finally:
                    module.weight = weight

            module.execute = spoiled

        return edit

    return plant


def initial_value(path: str | None) -> Plant:
    """Spoil what a module's weight starts from."""

    def plant(spoil: Spoil) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            module.weight = _like(spoil(module.weight.numpy()), module.weight)

        return edit

    return plant


class _Stepper:
    """A stepper, one thing of whose states and reports is spoiled."""

    def __init__(self, side: Any, name: str, spoil: Spoil) -> None:
        self._side, self._name, self._change = side, name, spoil

    def _spoiled(self, values: Mapping[str, Array]) -> dict[str, Array]:
        return {n: self._change(v) if n == self._name else v for n, v in values.items()}

    def state(self) -> dict[str, Array]:
        return self._spoiled(self._side.state())

    def load(self, state: Mapping[str, Array]) -> None:
        self._side.load(state)

    def step(self, number: int) -> dict[str, Array]:
        return self._spoiled(self._side.step(number))


def of_step(name: str) -> Plant:
    """Spoil one tensor of a stepper's state, or of what a step reports."""
    return lambda spoil: lambda side: _Stepper(side, name, spoil)


def table(name: str) -> Plant:
    """Spoil one table of a schedule."""

    def plant(spoil: Spoil) -> Edit:
        return lambda schedule: setattr(schedule, name, spoil(np.asarray(getattr(schedule, name))))

    return plant
