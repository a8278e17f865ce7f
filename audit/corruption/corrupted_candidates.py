"""Edits that corrupt a value which a candidate passes on: of modules, steppers and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from audit.case import Edit
from audit.corruption.corruptions import Corrupt
from audit.edits import like
from audit.lazy_jittor import jt
from parity.base.numerics import Array

# (corruption) -> an edit of a built Jittor side
Injection = Callable[[Corrupt], Edit]


@cache
def _function() -> Any:
    """Return the class of a Jittor function, which needs Jittor to be defined."""

    class Corrupting(jt.Function):
        """The identity, except that its value or its gradient is corrupted."""

        def __init__(self, forward: Corrupt | None, backward: Corrupt | None) -> None:
            self.forward, self.backward = forward, backward

        def execute(self, x: Any) -> Any:
            return x.copy() if self.forward is None else like(self.forward(x.numpy()), x)

        def grad(self, up: Any) -> Any:
            return up if self.backward is None else like(self.backward(up.numpy()), up)

    return Corrupting


def _corrupted(var: Any, *, forward: Corrupt | None = None, backward: Corrupt | None = None) -> Any:
    """Return a variable corrupted, and anything else as it is."""
    return _function()(forward, backward)(var) if isinstance(var, jt.Var) else var


def _module(model: Any, path: str | None) -> Any:
    """Return a module by path; for None the middle one of those that have a weight."""
    modules = dict(model.named_modules())
    if path is None:
        weighted = [name for name, module in modules.items() if "weight" in vars(module)]
        path = weighted[len(weighted) // 2]
    return modules[path]


def output(path: str | None) -> Injection:
    """Corrupt what a module returns; None, here and below, is a layer in the middle."""

    def inject(corrupt: Corrupt) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute
            module.execute = lambda *a, **k: _corrupted(execute(*a, **k), forward=corrupt)

        return edit

    return inject


def input_gradient(path: str | None) -> Injection:
    """Corrupt the gradient with respect to a module's first input."""

    def inject(corrupt: Corrupt) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute
            module.execute = lambda x, *a: execute(_corrupted(x, backward=corrupt), *a)

        return edit

    return inject


def parameter_gradient(path: str | None) -> Injection:
    """Corrupt the gradient with respect to a module's weight."""

    def inject(corrupt: Corrupt) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            execute = module.execute

            def corrupted(*args: Any) -> Any:
                weight = module.weight
                module.weight = _corrupted(weight, backward=corrupt)
                try:
                    return execute(*args)
                finally:
                    module.weight = weight

            module.execute = corrupted

        return edit

    return inject


def initial_value(path: str | None) -> Injection:
    """Corrupt the initial value of a module's weight."""

    def inject(corrupt: Corrupt) -> Edit:
        def edit(model: Any) -> None:
            module = _module(model, path)
            module.weight = like(corrupt(module.weight.numpy()), module.weight)

        return edit

    return inject


class _CorruptedStepper:
    """A stepper with one tensor of its states and reports corrupted."""

    def __init__(self, stepper: Any, name: str, corrupt: Corrupt) -> None:
        self._stepper, self._name, self._corrupt = stepper, name, corrupt

    def _corrupted(self, values: Mapping[str, Array]) -> dict[str, Array]:
        return {n: self._corrupt(v) if n == self._name else v for n, v in values.items()}

    def state(self) -> dict[str, Array]:
        return self._corrupted(self._stepper.state())

    def load(self, state: Mapping[str, Array]) -> None:
        self._stepper.load(state)

    def step(self, number: int) -> dict[str, Array]:
        return self._corrupted(self._stepper.step(number))


def of_step(name: str) -> Injection:
    """Corrupt one tensor of a stepper's state, or of what a step reports."""
    return lambda corrupt: lambda stepper: _CorruptedStepper(stepper, name, corrupt)


def table(name: str) -> Injection:
    """Corrupt one table of a schedule."""

    def inject(corrupt: Corrupt) -> Edit:
        return lambda schedule: setattr(
            schedule, name, corrupt(np.asarray(getattr(schedule, name)))
        )

    return inject
