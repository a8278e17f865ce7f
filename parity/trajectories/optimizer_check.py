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
from parity.compare.modules import PairRunner
from parity.trace.bound_model import BoundModel
from parity.trace.end_to_end import run_end_to_end
from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace
from parity.trajectories.trajectory import Stepper, Trajectory

STEPS, FREE_STEPS = 3, 20
WEIGHTS = "weights:"


def trajectories(runner: PairRunner) -> list[Trajectory]:
    """Return the pair's optimizer step by step and, where it has a loss, its training running free.

    Raises:
        CannotCompare: a side has no optimizer, or raises.
    """
    history = _History(runner)

    def single(model: BoundModel) -> Callable[[Precision], Stepper]:
        return lambda precision: _Fed(runner, model, precision, history)

    def free(model: BoundModel) -> Callable[[Precision], Stepper]:
        return lambda precision: _Training(runner, model, precision)

    name = runner.pair.name
    found = [
        Trajectory(
            name=name,
            phase="optimizer",
            reference=single(runner.reference),
            candidate=single(runner.candidate),
            steps=STEPS,
        )
    ]
    if runner.pair.loss is not None:
        found.append(
            Trajectory(
                name=name,
                phase="optimizer",
                reference=free(runner.reference),
                candidate=free(runner.candidate),
                steps=0,
                free=FREE_STEPS,
                # A model chosen by its user may well be chaotic; that is said, and fails nobody.
                allow={"horizon": "rounding alone decides from here on"},
            )
        )
    return found


class _History:
    """The reference's weights before each step, and its gradients there, float32 values."""

    def __init__(self, runner: PairRunner) -> None:
        self.runner = runner
        self.weights: list[Mapping[str, Array]] = [runner.weights]
        self.gradients: list[dict[str, Array]] = []

    def upto(self, number: int) -> None:
        """Make sure that the gradients of step `number` are known."""
        while len(self.gradients) <= number:
            at = len(self.gradients)
            run = _run(self.runner, self.runner.reference, "float64", self.weights[at], at)
            trace = run_end_to_end(self.runner.reference, run)
            self.gradients.append({p: rounded(g) for p, g in trace.parameter_gradients.items()})
            fed = _Fed(self.runner, self.runner.reference, "float64", self)
            fed.load(_state(self.weights[at]))
            fed.step(at)
            after = {name.removeprefix(WEIGHTS): rounded(v) for name, v in fed.state().items()}
            self.weights.append({**self.weights[at], **after})


class OptimizerStepper:
    """One side with its optimizer; its state is its parameters, by reference path."""

    def __init__(self, runner: PairRunner, model: BoundModel, precision: Precision) -> None:
        self.runner, self.model, self.precision = runner, model, precision
        self.weights: dict[str, Array] = dict(runner.weights)

    def state(self) -> dict[str, Array]:
        """Return the parameters, by reference path."""
        return _state({p: self.weights[p] for p in self.model.parameters})

    def load(self, state: Mapping[str, Array]) -> None:
        """Take parameters in, by reference path; all others are the pair's own."""
        self.weights = {**self.runner.weights}
        self.weights |= {n.removeprefix(WEIGHTS): v for n, v in state.items()}

    def optimizer(self) -> Callable[[Mapping[str, Array]], None]:
        """Build the user's optimizer on the weights as they are."""
        self.model.load(self.weights, self.precision)
        make = self.runner.pair.optimizer_for(self.model.adapter.framework)
        return self.model.adapter.optimizer(make)

    def apply(
        self, step: Callable[[Mapping[str, Array]], None], gradients: Mapping[str, Array]
    ) -> None:
        """Take one step, and read the weights."""
        own = self.model.parameters
        step({own[path]: g.astype(self.precision) for path, g in gradients.items()})
        tensors = self.model.adapter.parameters() | self.model.adapter.buffers()
        for path, name in own.items():
            self.weights[path] = self.model.adapter.to_numpy(tensors[name]).copy()


class _Fed(OptimizerStepper):
    """A side that is fed the reference's gradients."""

    def __init__(
        self, runner: PairRunner, model: BoundModel, precision: Precision, history: _History
    ) -> None:
        super().__init__(runner, model, precision)
        self.history = history

    def step(self, number: int) -> dict[str, Array]:
        history, start = self.history, dict(self.weights)
        history.upto(number)
        with self.model.running(self.precision, training=self.runner.pair.training):
            self.weights = dict(history.weights[0])
            step = self.optimizer()
            for earlier in range(number):
                self.model.load(history.weights[earlier], self.precision)
                self.apply(step, history.gradients[earlier])
            self.model.load(start, self.precision)
            self.apply(step, history.gradients[number])
        return {}


class _Training(OptimizerStepper):
    """A side that trains by itself."""

    def load(self, state: Mapping[str, Array]) -> None:
        """Take parameters in, by reference path; all others are the pair's own."""
        super().load(state)
        self._step: Callable[[Mapping[str, Array]], None] | None = None

    def step(self, number: int) -> dict[str, Array]:
        run = _run(self.runner, self.model, self.precision, self.weights, number)
        trace = run_end_to_end(self.model, run)
        gradients = {path: trace.parameter_gradients[path] for path in trace.parameter_gradients}
        with self.model.running(self.precision, training=self.runner.pair.training):
            if self._step is None:
                self._step = self.optimizer()
            self.apply(self._step, gradients)
        return {"loss": _loss(trace)}


def _loss(trace: Trace) -> Array:
    return np.asarray(trace.recorded[Tap("", 0, "loss", "")])


def _state(weights: Mapping[str, Array]) -> dict[str, Array]:
    return {WEIGHTS + path: value for path, value in weights.items()}


def _run(
    runner: PairRunner,
    model: BoundModel,
    precision: Precision,
    weights: Mapping[str, Array],
    number: int,
) -> Run:
    inputs: Any = runner.pair.draw_inputs(keyed(runner.seed, "inputs", number))
    return Run(
        inputs=inputs,
        weights=weights,
        precision=precision,
        training=runner.pair.training,
        loss=runner.pair.loss_for(model.adapter.framework),
        seed=runner.seed + number,
    )
