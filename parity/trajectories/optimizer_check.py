"""The optimizer and the training of a user's pair, as trajectories.

The state of an optimizer has another form in every framework, so it is never read. Instead both
optimizers get the same gradients from the first step on, the reference's along its own trajectory,
and each step starts from the reference's weights. So a fault of the optimizer shows whatever the
gradients are, and a fault of the gradients does not show here. In the free run each side trains by
itself, with its own gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from parity.base.numerics import Array, Precision, in_precision, rounded
from parity.base.rng import keyed
from parity.errors import NotRecorded
from parity.recording.runs import RecordedTraining
from parity.trace.bound_model import BoundModel
from parity.trace.end_to_end import run_end_to_end
from parity.trace.sites import Tap
from parity.trace.trace import Run, Trace
from parity.trajectories.trajectory import Stepper, Trajectory

if TYPE_CHECKING:
    from parity.compare.modules import PairRunner

STEPS, FREE_STEPS = 3, 20
WEIGHTS = "weights:"  # the group of a state's names

# (path -> gradient) -> takes one step of an optimizer.
OptimizerStep = Callable[[Mapping[str, Array]], None]


def trajectories(
    runner: PairRunner, *, variant: str = "", history: ReferenceHistory | None = None
) -> list[Trajectory]:
    """Return the single steps of a pair's optimizer and, if it has a loss, its free training.

    Args:
        runner: the pair.
        variant: of its optimizer, by which a record of the reference knows it.
        history: of the reference, to be filled; None makes a new one.

    Raises:
        CannotCompare: a side has no optimizer, or raises.
    """
    of_reference = runner.runs_of(runner.reference).training(variant)
    followed = history or ReferenceHistory(runner, of_reference)

    def single_steps(model: BoundModel) -> Callable[[Precision], Stepper]:
        recorded = runner.runs_of(model).training(variant)
        if recorded is not None:
            return lambda precision: _Recorded(runner, model, precision, recorded)
        return lambda precision: _GivenGradients(runner, model, precision, followed)

    def training(model: BoundModel) -> Callable[[Precision], Stepper]:
        recorded = runner.runs_of(model).training(variant)
        if recorded is not None:
            return lambda precision: _Recorded(runner, model, precision, recorded)
        return lambda precision: _Training(runner, model, precision)

    name = runner.pair.name
    of_pair = [
        Trajectory(
            name=name,
            phase="optimizer",
            reference=single_steps(runner.reference),
            candidate=single_steps(runner.candidate),
            steps=STEPS,
        )
    ]
    if runner.pair.loss is not None:
        of_pair.append(
            Trajectory(
                name=name,
                phase="optimizer",
                reference=training(runner.reference),
                candidate=training(runner.candidate),
                steps=0,
                free=FREE_STEPS,
                # A user's model may be chaotic; the report says so, and it does not fail.
                allow={"horizon": "rounding alone decides from here on"},
            )
        )
    return of_pair


class ReferenceHistory:
    """The reference's weights before each step, and its gradients with them, as float32 values.

    Args:
        runner: the pair.
        recorded: where they come from, if the reference was recorded.
    """

    def __init__(self, runner: PairRunner, recorded: RecordedTraining | None = None) -> None:
        self.runner, self.recorded = runner, recorded
        self.weights: list[Mapping[str, Array]] = [runner.weights]
        self.gradients: list[dict[str, Array]] = []

    def extend_to(self, number: int) -> None:
        """Compute the gradients of all steps up to `number`, where that has not been done yet."""
        while len(self.gradients) <= number:
            step = len(self.gradients)
            if self.recorded is not None:
                self.gradients.append(dict(self.recorded.gradients(step)))
                self.weights.append({**self.weights[step], **self.recorded.weights(step + 1)})
                continue
            run = _run(self.runner, self.runner.reference, "float64", self.weights[step], step)
            trace = run_end_to_end(self.runner.reference, run)
            self.gradients.append({p: rounded(g) for p, g in trace.parameter_gradients.items()})
            stepper = _GivenGradients(self.runner, self.runner.reference, "float64", self)
            stepper.load(_state(self.weights[step]))
            stepper.step(step)
            after = {name.removeprefix(WEIGHTS): rounded(v) for name, v in stepper.state().items()}
            self.weights.append({**self.weights[step], **after})


class _OptimizerStepper:
    """One side with its optimizer; its state is its parameters, by reference path."""

    def __init__(self, runner: PairRunner, model: BoundModel, precision: Precision) -> None:
        self.runner, self.model, self.precision = runner, model, precision
        self.weights: dict[str, Array] = dict(runner.weights)

    def state(self) -> dict[str, Array]:
        """Return the parameters, by reference path."""
        return _state({p: self.weights[p] for p in self.model.parameter_paths()})

    def load(self, state: Mapping[str, Array]) -> None:
        """Set parameters by reference path; all other weights are the pair's."""
        self.weights = {**self.runner.weights}
        self.weights |= {n.removeprefix(WEIGHTS): v for n, v in state.items()}

    def build_optimizer(self) -> OptimizerStep:
        """Load the weights and build the user's optimizer on them."""
        self.model.load(self.weights, self.precision)
        make_optimizer = self.runner.pair.optimizer_for(self.model.adapter.framework)
        return self.model.adapter.optimizer(make_optimizer)

    def apply(self, step: OptimizerStep, gradients: Mapping[str, Array]) -> None:
        """Take one step, given a gradient for each reference path, and read the weights."""
        step(
            self.model.by_own_path(
                {p: in_precision(g, self.precision) for p, g in gradients.items()}
            )
        )
        to_numpy = self.model.adapter.to_numpy
        own = {name: to_numpy(tensor) for name, tensor in self.model.own_parameters().items()}
        for path, array in self.model.by_reference_path(own).items():
            self.weights[path] = array.copy()


class _Recorded(_OptimizerStepper):
    """A side that took its steps when it was recorded.

    Attributes:
        side: (number of a step, or None for free training) -> what it left.
    """

    def __init__(
        self,
        runner: PairRunner,
        model: BoundModel,
        precision: Precision,
        training: RecordedTraining,
    ) -> None:
        super().__init__(runner, model, precision)
        self.side = training.steps

    def step(self, number: int) -> dict[str, Array]:
        """Refuse: the steps are those of the record.

        Raises:
            NotRecorded: always.
        """
        raise NotRecorded("the recorded side cannot take other steps than it took")


class _GivenGradients(_OptimizerStepper):
    """A side whose optimizer gets the reference's gradients."""

    def __init__(
        self,
        runner: PairRunner,
        model: BoundModel,
        precision: Precision,
        history: ReferenceHistory,
    ) -> None:
        super().__init__(runner, model, precision)
        self.history = history

    def step(self, number: int) -> dict[str, Array]:
        """Repeat the steps before `number`, which fill the optimizer's state, then take it."""
        history, start = self.history, dict(self.weights)
        history.extend_to(number)
        with self.model.running(self.precision, training=self.runner.pair.training):
            self.weights = dict(history.weights[0])
            step = self.build_optimizer()
            for earlier in range(number):
                self.model.load(history.weights[earlier], self.precision)
                self.apply(step, history.gradients[earlier])
            self.model.load(start, self.precision)
            self.apply(step, history.gradients[number])
        return {}


class _Training(_OptimizerStepper):
    """A side that trains with its own gradients."""

    def load(self, state: Mapping[str, Array]) -> None:
        """Set parameters by reference path; the optimizer starts anew."""
        super().load(state)
        self._step: OptimizerStep | None = None

    def step(self, number: int) -> dict[str, Array]:
        """Compute gradients on the batch of step `number`, apply them, and report the loss."""
        run = _run(self.runner, self.model, self.precision, self.weights, number)
        trace = run_end_to_end(self.model, run)
        gradients = {path: trace.parameter_gradients[path] for path in trace.parameter_gradients}
        with self.model.running(self.precision, training=self.runner.pair.training):
            if self._step is None:
                self._step = self.build_optimizer()
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
    """Describe the run of a side on the batch of a step."""
    inputs = runner.pair.draw_inputs(keyed(runner.seed, "inputs", number))
    return Run(
        inputs=inputs,
        weights=weights,
        precision=precision,
        training=runner.pair.training,
        loss=runner.pair.loss_for(model.adapter.framework),
        seed=runner.seed + number,
        draws=runner.pair.random or "own",
    )
