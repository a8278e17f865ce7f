"""The optimizer and the training of a user's own pair, as courses of steps.

An optimizer's state has another form in every framework, so it is never read. Both optimizers are
fed the same gradients, the reference's own along its own trajectory, from the first step on; each
step starts from the reference's weights. So a fault of the optimizer shows, whatever the gradients
are, and a fault of the gradients does not. The free run is the whole: each side by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision, rounded
from parity.base.rng import keyed
from parity.compare.modules import Sides
from parity.trace.bound_model import Subject
from parity.trace.recorder import Run, Tap, Trace, bare_run
from parity.trajectories.trajectory import Course, Stepper

STEPS, FREE_STEPS = 3, 20
WEIGHTS = "weights:"


def courses(sides: Sides) -> list[Course]:
    """Return the pair's optimizer step by step and, where it has a loss, its training running free.

    Raises:
        CannotCompare: a side has no optimizer, or raises.
    """
    history = _History(sides)

    def single(subject: Subject) -> Callable[[Precision], Stepper]:
        return lambda precision: _Fed(sides, subject, precision, history)

    def free(subject: Subject) -> Callable[[Precision], Stepper]:
        return lambda precision: _Training(sides, subject, precision)

    name = sides.pair.name
    found = [
        Course(
            name=name,
            phase="optimizer",
            reference=single(sides.reference),
            candidate=single(sides.candidate),
            steps=STEPS,
        )
    ]
    if sides.pair.loss is not None:
        found.append(
            Course(
                name=name,
                phase="optimizer",
                reference=free(sides.reference),
                candidate=free(sides.candidate),
                steps=0,
                free=FREE_STEPS,
                # A model chosen by its user may well be chaotic; that is said, and fails nobody.
                allow={"horizon": "rounding alone decides from here on"},
            )
        )
    return found


class _History:
    """The reference's weights before each step, and its gradients there, float32 values."""

    def __init__(self, sides: Sides) -> None:
        self.sides = sides
        self.weights: list[Mapping[str, Array]] = [sides.weights]
        self.gradients: list[dict[str, Array]] = []

    def upto(self, number: int) -> None:
        """Make sure that the gradients of step `number` are known."""
        while len(self.gradients) <= number:
            at = len(self.gradients)
            run = _run(self.sides, self.sides.reference, "float64", self.weights[at], at)
            trace = bare_run(self.sides.reference, run)
            self.gradients.append({p: rounded(g) for p, g in trace.parameters.items()})
            fed = _Fed(self.sides, self.sides.reference, "float64", self)
            fed.load(_state(self.weights[at]))
            fed.step(at)
            after = {name.removeprefix(WEIGHTS): rounded(v) for name, v in fed.state().items()}
            self.weights.append({**self.weights[at], **after})


class _Side:
    """One side with its optimizer; its state is its parameters, by reference path."""

    def __init__(self, sides: Sides, subject: Subject, precision: Precision) -> None:
        self.sides, self.subject, self.precision = sides, subject, precision
        self.weights: dict[str, Array] = dict(sides.weights)

    def state(self) -> dict[str, Array]:
        return _state({p: self.weights[p] for p in self.subject.parameters})

    def load(self, state: Mapping[str, Array]) -> None:
        self.weights = {**self.sides.weights}
        self.weights |= {n.removeprefix(WEIGHTS): v for n, v in state.items()}

    def optimizer(self) -> Callable[[Mapping[str, Array]], None]:
        """Build the user's optimizer on the weights as they are."""
        self.subject.load(self.weights, self.precision)
        make = self.sides.pair.optimizer_for(self.subject.adapter.framework)
        return self.subject.adapter.optimizer(make)

    def apply(
        self, step: Callable[[Mapping[str, Array]], None], gradients: Mapping[str, Array]
    ) -> None:
        """Take one step, and read the weights."""
        own = self.subject.parameters
        step({own[path]: g.astype(self.precision) for path, g in gradients.items()})
        tensors = self.subject.adapter.parameters() | self.subject.adapter.buffers()
        for path, name in own.items():
            self.weights[path] = self.subject.adapter.to_numpy(tensors[name]).copy()


class _Fed(_Side):
    """A side that is fed the reference's gradients."""

    def __init__(
        self, sides: Sides, subject: Subject, precision: Precision, history: _History
    ) -> None:
        super().__init__(sides, subject, precision)
        self.history = history

    def step(self, number: int) -> dict[str, Array]:
        history, start = self.history, dict(self.weights)
        history.upto(number)
        with self.subject.running(self.precision, training=self.sides.pair.training):
            self.weights = dict(history.weights[0])
            step = self.optimizer()
            for earlier in range(number):
                self.subject.load(history.weights[earlier], self.precision)
                self.apply(step, history.gradients[earlier])
            self.subject.load(start, self.precision)
            self.apply(step, history.gradients[number])
        return {}


class _Training(_Side):
    """A side that trains by itself."""

    def load(self, state: Mapping[str, Array]) -> None:
        super().load(state)
        self._step: Callable[[Mapping[str, Array]], None] | None = None

    def step(self, number: int) -> dict[str, Array]:
        run = _run(self.sides, self.subject, self.precision, self.weights, number)
        trace = bare_run(self.subject, run)
        gradients = {path: trace.parameters[path] for path in trace.parameters}
        with self.subject.running(self.precision, training=self.sides.pair.training):
            if self._step is None:
                self._step = self.optimizer()
            self.apply(self._step, gradients)
        return {"loss": _loss(trace)}


def _loss(trace: Trace) -> Array:
    return np.asarray(trace.arrived[Tap("", 0, "loss", "")])


def _state(weights: Mapping[str, Array]) -> dict[str, Array]:
    return {WEIGHTS + path: value for path, value in weights.items()}


def _run(
    sides: Sides, subject: Subject, precision: Precision, weights: Mapping[str, Array], number: int
) -> Run:
    inputs: Any = sides.pair.draw_inputs(keyed(sides.seed, "inputs", number))
    return Run(
        inputs=inputs,
        weights=weights,
        precision=precision,
        training=sides.pair.training,
        loss=sides.pair.loss_for(subject.adapter.framework),
        seed=sides.seed + number,
    )
