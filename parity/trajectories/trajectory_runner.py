"""Runs and judges a trajectory: one step at a time from equal states, and running freely.

Single steps are the strong test: both sides are set to the reference's state, take one step, and
every number of the new state is judged. The free run is the weak test, since an adaptive optimizer
hides many faults. In float64 it still finds them as long as rounding has not grown to the size of
the result; how far that holds is measured, and beyond it there is no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity.base.numerics import Array, Precision, in_precision, rounded
from parity.base.perturbation import Perturbation
from parity.compare.comparison import Comparison, Judge, judge_comparison
from parity.compare.outputs import of_elements
from parity.errors import CannotCompare, users_code
from parity.nested.arguments import as_array
from parity.noise import cancellation_scale
from parity.noise.side_runner import FunctionRunner, SideRunner, Values
from parity.report.finding import Finding, finding_of
from parity.report.outcome import Outcome
from parity.trace.bound_model import Role
from parity.trace.sites import Phase, TensorSite
from parity.trajectories.trajectory import HORIZON, State, Stepper, Trajectory
from parity.verdict import Cause, Judgement, cannot_judge, error, reaches_horizon


def judge_trajectory(
    trajectory: Trajectory, *, seed: int = 0, judge: Judge = judge_comparison
) -> Outcome:
    """Compare a trajectory step by step and running freely.

    Args:
        trajectory: to compare.
        seed: of the perturbations.
        judge: judges two sides' runs.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    started = time.perf_counter()
    runner = build_steppers(trajectory)
    findings, notes = runner.judge_steps(seed, judge), []
    if trajectory.free:
        findings += runner.judge_free_run(seed, judge)
    if not findings:
        findings = [_nothing_compared(trajectory.phase)]
    elif trajectory.free and trajectory.phase == "sampling":
        notes.append(runner.compare_final_images())
    return Outcome(
        pair=trajectory.name,
        findings=tuple(findings),
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def values_of_step(
    trajectory: Trajectory, step: int | None, precision: Precision
) -> tuple[Values, Values]:
    """Return the tensors of one step, or of the free run, of the reference in float64 first.

    Args:
        trajectory: to run.
        step: number of the step; None for the free run.
        precision: of the candidate.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    runner = build_steppers(trajectory)
    if step is None:
        return (
            runner.free_run("reference").values("float64"),
            runner.free_run("candidate").values(precision),
        )
    state = runner.start
    for number in range(step):
        state = restricted(runner.take_step("reference", "float64", state, number), state)
    return (
        runner.single_step("reference", state, step).values("float64"),
        runner.single_step("candidate", state, step).values(precision),
    )


def build_steppers(trajectory: Trajectory) -> TrajectoryRunner:
    """Build both sides in both precisions.

    Raises:
        CannotCompare: a side cannot be built, or its state cannot be read.
    """
    roles: tuple[Role, Role] = ("reference", "candidate")
    precisions: tuple[Precision, Precision] = ("float64", "float32")
    steppers = {
        (role, precision): _build(trajectory, role, precision)
        for role in roles
        for precision in precisions
    }
    what = f"{trajectory.name!r}: the reference's state()"
    with users_code(what):
        state = _arrays(steppers["reference", "float64"].state(), what)
    start = {name: rounded(value) for name, value in state.items()}
    return TrajectoryRunner(trajectory, steppers, start)


@dataclass(frozen=True)
class TrajectoryRunner:
    """A trajectory whose sides are built.

    Attributes:
        trajectory: as its user describes it.
        steppers: each side in each precision.
        start: the reference's state before the first step, float32 values.
    """

    trajectory: Trajectory
    steppers: Mapping[tuple[Role, Precision], Stepper]
    start: State

    def judge_steps(self, seed: int, judge: Judge) -> list[Finding]:
        """Judge every step from the reference's state before it; keep each site's worst."""
        worst: dict[TensorSite, tuple[int, Judgement]] = {}
        state = self.start
        for number in range(self.trajectory.steps):
            after = self.take_step("reference", "float64", state, number)
            values = self.by_site(after)
            comparison = Comparison(
                reference=self.single_step("reference", state, number, {"float64": values}),
                candidate=self.single_step("candidate", state, number),
                is_plain_input=True,
                check_determinism=number == 0,
                cancellation_scale=cancellation_scale.of_groups(values)
                if self.trajectory.phase == "optimizer"
                else cancellation_scale.none,
            )
            for site, judgement in of_elements(values, judge(comparison, seed=seed)).items():
                if site not in worst or judgement.verdict.rank > worst[site][1].verdict.rank:
                    worst[site] = (number, judgement)
            state = restricted(after, state)
        return [
            finding_of(site._replace(step=number), judgement, allow=self.trajectory.allow)
            for site, (number, judgement) in worst.items()
        ]

    def judge_free_run(self, seed: int, judge: Judge) -> list[Finding]:
        """Judge what every step of the free run reports."""
        comparison = Comparison(
            reference=self.free_run("reference"),
            candidate=self.free_run("candidate"),
            is_plain_input=True,
            check_determinism=False,
            cancellation_scale=cancellation_scale.none,
        )
        values = comparison.reference.values("float64")
        judged = of_elements(values, judge(comparison, seed=seed))
        return _within_horizon(self.trajectory, judged)

    def compare_final_images(self) -> str:
        """Describe how far the final images differ, float32 runs in [-1, 1] as 8-bit pixels."""
        roles: tuple[Role, Role] = ("reference", "candidate")
        images = []
        for role in roles:
            values = self.free_run(role).values("float32")
            last = np.asarray(values[list(values)[-1]], np.float64)
            images.append(np.clip(np.round((last + 1) * 127.5), 0, 255))
        differences = np.abs(images[0] - images[1])
        return (
            f"final images as 8-bit pixels, float32: {np.mean(differences == 0):.4%} of "
            f"{differences.size} equal, largest difference {differences.max():.0f} of 255"
        )

    def single_step(
        self,
        role: Role,
        state: State,
        number: int,
        known: Mapping[Precision, Values] | None = None,
    ) -> SideRunner:
        """Return the runner of one step of a side.

        Args:
            role: the side.
            state: before the step.
            number: of the step.
            known: unperturbed results that need not be computed again, by precision.
        """
        recorded = self._recorded(role, number)
        if recorded is not None:
            return recorded

        def run(precision: Precision, perturbation: Perturbation | None) -> Values:
            return self.by_site(self.take_step(role, precision, state, number, perturbation))

        return FunctionRunner(run, known)

    def free_run(self, role: Role) -> SideRunner:
        """Return the runner of a side's free run."""
        recorded = self._recorded(role, None)
        if recorded is not None:
            return recorded
        phase: Phase = self.trajectory.phase
        if phase == "optimizer":
            phase = "loss"

        def run(precision: Precision, perturbation: Perturbation | None) -> Values:
            reported: dict[TensorSite, Array] = {}
            stepper = self.steppers[role, precision]
            what = f"{self.trajectory.name!r}: the {role}, running free in {precision},"
            with users_code(what):
                stepper.load(_prepared(self.start, precision, perturbation))
            for number in range(self.trajectory.free):
                with users_code(what):
                    values = _arrays(stepper.step(number), f"{what} step({number})", or_none=True)
                for name, value in values.items():
                    site = TensorSite(phase, "", "reported", name, scope="free_run", step=number)
                    reported[site] = value
            return reported

        return FunctionRunner(run)

    def take_step(
        self,
        role: Role,
        precision: Precision,
        state: State,
        number: int,
        perturbation: Perturbation | None = None,
    ) -> dict[str, Array]:
        """Set a side to a state and take one step; return what it reports, then the new state.

        Raises:
            CannotCompare: the side raised.
        """
        stepper = self.steppers[role, precision]
        recorded = self._recorded(role, number)
        if recorded is not None:
            return {_name(s): array for s, array in recorded.values(precision).items()}
        what = f"{self.trajectory.name!r}: the {role}, at step {number} in {precision},"
        with users_code(what):
            stepper.load(_prepared(state, precision, perturbation))
            reported = _arrays(stepper.step(number), f"{what} step()", or_none=True)
            return {**reported, **_arrays(stepper.state(), f"{what} state()")}

    def _recorded(self, role: Role, number: int | None) -> SideRunner | None:
        """Return what a side left at a step, or with None running free, if it was recorded."""
        side = getattr(self.steppers[role, "float64"], "side", None)
        return None if side is None else side(number)

    def by_site(self, values: State) -> dict[TensorSite, Array]:
        """Return the arrays of a step by site."""
        by_site = {}
        for name, value in values.items():
            group, colon, path = name.partition(":")
            owner, _, label = path.rpartition(".") if colon else ("", "", name)
            site = TensorSite(
                self.trajectory.phase, owner, "state" if colon else "reported", label, owner,
                group=group if colon else "", scope="step",
            )  # fmt: skip
            by_site[site] = value
        return by_site


def _build(trajectory: Trajectory, role: Role, precision: Precision) -> Stepper:
    with users_code(f"{trajectory.name!r}: the {role}, built in {precision},"):
        stepper: Stepper = getattr(trajectory, role)(precision)
    return stepper


def _arrays(values: Any, what: str, *, or_none: bool = False) -> dict[str, Array]:
    """Return what a stepper returned as arrays by name.

    Args:
        values: arrays, tensors of any framework, or numbers, by name.
        what: returned it, the start of the line that refuses it.
        or_none: whether None is allowed, and stands for no arrays.

    Raises:
        CannotCompare: it is something else.
    """
    if values is None and or_none:
        return {}
    if not isinstance(values, Mapping):
        raise CannotCompare(f"{what} returned {type(values).__name__}: return arrays by name")
    arrays = {str(name): as_array(value) for name, value in values.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiubc":
            raise CannotCompare(
                f"{what} returned {type(values[name]).__name__} as {name!r}: return an array"
            )
    return arrays


def restricted(after_step: State, state: State) -> State:
    """Return the state in what a step left, without what it reported, as float32 values.

    Raises:
        CannotCompare: a part of the state is gone.
    """
    gone = [name for name in state if name not in after_step]
    if gone:
        raise CannotCompare(
            f"the reference's state() had {gone[0]!r} before a step and not after it: return the "
            "same names always"
        )
    return {name: rounded(after_step[name]) for name in state}


def _name(site: TensorSite) -> str:
    """Return the name, in a state or report, of the array at a site; see `by_site`."""
    path = f"{site.owner}.{site.label}".lstrip(".")
    return f"{site.group}:{path}" if site.group else path


def _nothing_compared(phase: Phase) -> Finding:
    site = TensorSite(phase, "", "state", "state", scope="step")
    return finding_of(site, error(Cause.NO_OUTPUT))


def _prepared(
    state: State, precision: Precision, perturbation: Perturbation | None
) -> dict[str, Array]:
    """Return a state in a precision, perturbed."""
    perturbed = {
        name: value if perturbation is None else perturbation(value, name)
        for name, value in state.items()
    }
    return {n: in_precision(v, precision) for n, v in perturbed.items()}


def _within_horizon(
    trajectory: Trajectory, judged: Mapping[TensorSite, Judgement]
) -> list[Finding]:
    """Return the findings; from the step on that reaches the horizon, all of them ABSTAIN."""
    findings, past = [], False
    for site, judgement in judged.items():
        past = past or reaches_horizon(judgement)
        if not past:
            findings.append(finding_of(site, judgement, gain=trajectory.gain))
            continue
        abstains = replace(
            cannot_judge(Cause.PAST_HORIZON), error=judgement.error, noise=judgement.noise
        )
        finding = finding_of(site, abstains)
        findings.append(replace(finding, allowance=(trajectory.allow or {}).get(HORIZON)))
    return findings
