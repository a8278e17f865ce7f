"""Records the optimizer's steps of one side, and its free training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from parity.base.numerics import Array, Precision, in_precision
from parity.base.progress import begin
from parity.compare.modules import PairRunner
from parity.errors import CannotCompare
from parity.noise.noise_profile import NoiseProfile
from parity.noise.rough_difference import rescalings
from parity.noise.side_runner import SideRunner, Values
from parity.recording.files.tensor_archive import Source
from parity.recording.recording_runs import RecordingRunner, RecordingRuns
from parity.recording.run_keys import history_member
from parity.trace.bound_model import Role
from parity.trajectories.adam_epsilon import EPSILON_VARIANT, with_epsilon_before_correction
from parity.trajectories.optimizer_check import ReferenceHistory, trajectories
from parity.trajectories.trajectory import Trajectory
from parity.trajectories.trajectory_runner import TrajectoryRunner, build_steppers, restricted


def record_training(
    runner: PairRunner, runs: RecordingRuns, role: Role, *, is_random: bool
) -> None:
    """Take the steps that a comparison of training needs; nothing for a pair without an optimizer.

    Args:
        runner: the pair; of a reference alone, it is both sides.
        runs: to write with.
        role: the side that is recorded.
        is_random: whether the model draws random numbers, so that its losses say nothing.
    """
    if runner.pair.optimizer is None:
        return
    begin("steps of the optimizer")
    history = ReferenceHistory(runner) if role == "reference" else None
    for trajectory in trajectories(runner, history=history):
        if not (is_random and trajectory.free):
            _record(trajectory, role, runner.seed, runs)
    if history is not None:
        _write_history(history, runs, "")
    frameworks = {side.adapter.framework for side in (runner.reference, runner.candidate)}
    if "torch" not in frameworks:
        return
    changed = replace(runner, pair=with_epsilon_before_correction(runner.pair))
    history = ReferenceHistory(changed) if role == "reference" else None
    try:
        _record_values(
            trajectories(changed, variant=EPSILON_VARIANT, history=history)[0], role, runs
        )
    except (CannotCompare, KeyError):
        return  # an optimizer without such an epsilon
    if history is not None:
        _write_history(history, runs, EPSILON_VARIANT)


def _record(trajectory: Trajectory, role: Role, seed: int, runs: RecordingRuns) -> None:
    steppers = build_steppers(trajectory)
    for number, step in _steps(trajectory, steppers, role):
        _profile(RecordingRunner(step, runs, number), seed, is_first=number == 0)
    if trajectory.free:
        _profile(RecordingRunner(steppers.free_run(role), runs, None), seed, is_first=False)


def _record_values(trajectory: Trajectory, role: Role, runs: RecordingRuns) -> None:
    """Record what the steps of a changed optimizer leave in float64."""
    for number, step in _steps(trajectory, build_steppers(trajectory), role):
        RecordingRunner(step, runs, number, EPSILON_VARIANT).values("float64")


def _steps(
    trajectory: Trajectory, steppers: TrajectoryRunner, role: Role
) -> Iterator[tuple[int, SideRunner]]:
    """Yield the single steps of a side, each from the reference's state before it."""
    state = steppers.start
    for number in range(trajectory.steps):
        after = steppers.take_step("reference", "float64", state, number)
        known: dict[Precision, Values] = {}
        if role == "reference":
            known = {"float64": steppers.by_site(after)}
        yield number, steppers.single_step(role, state, number, known)
        state = restricted(after, state)


def _profile(side: RecordingRunner, seed: int, *, is_first: bool) -> None:
    NoiseProfile(side, check_determinism=is_first, seed=seed)
    for perturbation in rescalings(seed):
        side.perturbed(perturbation)


def _write_history(history: ReferenceHistory, runs: RecordingRuns, variant: str) -> None:
    for number, gradients in enumerate(history.gradients):
        trained = {path: history.weights[number + 1][path] for path in gradients}
        _write(runs, history_member(variant, "gradients", number), gradients)
        _write(runs, history_member(variant, "weights", number + 1), trained)


def _write(runs: RecordingRuns, member: str, arrays: Mapping[str, Array]) -> None:
    # Their values are those of float32, so that no digit is lost.
    single = {path: in_precision(array, "float32") for path, array in arrays.items()}
    runs.archive.add_tensors(member, {path: Source.of(a) for path, a in single.items()})
