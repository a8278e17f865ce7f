"""Training and sampling compared: one step at a time from equal states, and running free.

Single steps are the strong test: both sides are set to the reference's state, take one step, and
every number of the new state is judged. The free run is the weak test, since an adaptive optimizer
hides many faults. In float64 it still finds them as long as rounding has not grown to the size of
the result; how far that holds is measured, and beyond it there is no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from parity.base.numerics import Array, Precision, is_float, rounded
from parity.base.rng import Perturbation
from parity.compare import cancellation_scale
from parity.compare.comparison import Comparison, Judge, judge_comparison
from parity.compare.side_runner import FunctionRunner, SideRunner, Values
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding, finding_of
from parity.report.outcome import Outcome
from parity.trace.sites import Phase, TensorSite
from parity.verdict import Cause, Judgement, cannot_judge, reaches_horizon

State = Mapping[str, Array]
# The entry of `Trajectory.allow` that lets a free run outrun its horizon.
HORIZON = "horizon"


class Stepper(Protocol):
    """One side of a course: something that goes from state to state."""

    def state(self) -> State:
        """Copy the whole state out, by name; `group:path` where it belongs to a module."""

    def load(self, state: State) -> None:
        """Continue from a state, whose floats are in the precision that this side was built in."""

    def step(self, number: int) -> State:
        """Take step `number` and return what it reports, its loss for example."""


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Two things that step, meant to be the same.

    Attributes:
        name: what it is called in reports.
        phase: `optimizer` or `sampling` for single steps; a free run of training is `loss`.
        reference, candidate: (precision) -> a side.
        steps: how many of the reference's own steps to compare one by one.
        free: how many steps to run free; 0 leaves it out.
        gain: linear growth of a disturbance over the free run, for people: errors are stated
            divided by it as well.
        allow: `horizon` -> reason, for a course that is known to outrun its horizon; an entry that
            matches nothing is refused.
    """

    name: str
    phase: Phase
    reference: Callable[[Precision], Stepper]
    candidate: Callable[[Precision], Stepper]
    steps: int
    free: int = 0
    gain: float = 1.0
    allow: Mapping[str, str] | None = None


Course = Trajectory  # its name in version 0.1


def judge_trajectory(
    trajectory: Trajectory, *, seed: int = 0, judge: Judge = judge_comparison
) -> Outcome:
    """Compare a trajectory step by step and running free.

    Args:
        trajectory: to compare.
        seed: of the perturbations.
        judge: judges two sides' runs.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    started = time.perf_counter()
    sides, start = _ready(trajectory)
    findings, notes = _single_steps(trajectory, sides, start, seed, judge), []
    if trajectory.free:
        findings += _free_run(trajectory, sides, start, seed, judge)
    if trajectory.free and trajectory.phase == "sampling":
        notes.append(_pixels(trajectory, sides, start))
    return Outcome(
        pair=trajectory.name,
        findings=tuple(findings),
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def _pixels(trajectory: Trajectory, sides: Steppers, start: State) -> str:
    """Say how the final images look after quantisation from [-1, 1] to 8 bits, both in float32."""
    images = []
    for role in ("reference", "candidate"):
        values = _free_runner(trajectory, sides, start, role).values("float32")
        last = np.asarray(values[list(values)[-1]], np.float64)
        images.append(np.clip(np.round((last + 1) * 127.5), 0, 255))
    gap = np.abs(images[0] - images[1])
    return (
        f"final images as 8-bit pixels, float32: {np.mean(gap == 0):.4%} of {gap.size} equal, "
        f"largest difference {gap.max():.0f} of 255"
    )


def _ready(trajectory: Trajectory) -> tuple[Steppers, State]:
    """Build every side; return them with the reference's own start, of float32 values."""
    sides = {
        (role, precision): _build(trajectory, role, precision)
        for role in ("reference", "candidate")
        for precision in ("float64", "float32")
    }
    own = sides["reference", "float64"].state()
    return sides, {name: rounded(value) for name, value in own.items()}


def values_of_step(
    trajectory: Trajectory, step: int | None, precision: Precision
) -> tuple[Values, Values]:
    """Return the tensors of one step, or of the free run, of the reference (float64) first.

    Args:
        trajectory: to run.
        step: number of the step; None for the free run.
        precision: of the candidate.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    sides, state = _ready(trajectory)
    if step is None:
        return (
            _free_runner(trajectory, sides, state, "reference").values("float64"),
            _free_runner(trajectory, sides, state, "candidate").values(precision),
        )
    for earlier in range(step):
        teacher = _stepped(trajectory, sides, "reference", "float64", state, earlier, None)
        state = {name: rounded(teacher[name]) for name in state}
    return (
        _runner(trajectory, sides, "reference", state, step).values("float64"),
        _runner(trajectory, sides, "candidate", state, step).values(precision),
    )


def _build(trajectory: Trajectory, role: str, precision: Any) -> Stepper:
    try:
        stepper: Stepper = getattr(trajectory, role)(precision)
    except Exception as error:
        raise CannotCompare(
            f"{trajectory.name!r}: the {role} cannot be built in {precision}: {one_line(error)}"
        ) from error
    return stepper


Steppers = Mapping[tuple[str, str], Stepper]


def _single_steps(
    trajectory: Trajectory, sides: Steppers, start: State, seed: int, judge: Judge
) -> list[Finding]:
    worst: dict[TensorSite, tuple[int, Judgement]] = {}
    state = start
    for number in range(trajectory.steps):
        teacher = _stepped(trajectory, sides, "reference", "float64", state, number, None)
        values = _by_site(trajectory, teacher)
        comparison = Comparison(
            reference=_runner(trajectory, sides, "reference", state, number, {"float64": values}),
            candidate=_runner(trajectory, sides, "candidate", state, number),
            is_plain_input=True,
            check_determinism=number == 0,
            cancellation_scale=cancellation_scale.of_groups(values)
            if trajectory.phase == "optimizer"
            else cancellation_scale.none,
        )
        for site, judgement in judge(comparison, seed=seed).items():
            if site not in worst or judgement.verdict.rank > worst[site][1].verdict.rank:
                worst[site] = (number, judgement)
        state = {name: rounded(teacher[name]) for name in state}
    return [
        finding_of(site._replace(step=number), judgement, allow=trajectory.allow)
        for site, (number, judgement) in worst.items()
    ]


def _runner(
    trajectory: Trajectory,
    sides: Steppers,
    role: str,
    state: State,
    number: int,
    kept: Mapping[Precision, Values] | None = None,
) -> SideRunner:
    def run(precision: Precision, shift: Perturbation | None) -> Values:
        return _by_site(
            trajectory, _stepped(trajectory, sides, role, precision, state, number, shift)
        )

    return FunctionRunner(run, kept)


def _stepped(
    trajectory: Trajectory,
    sides: Steppers,
    role: str,
    precision: Precision,
    state: State,
    number: int,
    shift: Perturbation | None,
) -> dict[str, Array]:
    side = sides[role, precision]
    try:
        side.load(_given(state, precision, shift))
        # What a step reports was there before the state that it leaves.
        reported = side.step(number)
        return {**reported, **side.state()}
    except Exception as error:
        raise CannotCompare(
            f"{trajectory.name!r}: the {role} raised at step {number} in {precision}: "
            f"{one_line(error)}"
        ) from error


def _given(state: State, precision: Precision, shift: Perturbation | None) -> dict[str, Array]:
    perturbed = {n: v if shift is None else shift(v, n) for n, v in state.items()}
    return {n: v.astype(precision) if is_float(v) else v for n, v in perturbed.items()}


def _by_site(trajectory: Trajectory, values: State) -> dict[TensorSite, Array]:
    """Return what a step left by site; a name is `group:path` where it belongs to a module."""
    by_site = {}
    for name, value in values.items():
        group, colon, path = name.partition(":")
        owner, _, label = path.rpartition(".") if colon else ("", "", name)
        site = TensorSite(
            trajectory.phase, owner, "state" if colon else "reported", label, owner,
            group=group if colon else "", scope="step",
        )  # fmt: skip
        by_site[site] = np.asarray(value)
    return by_site


def _free_runner(trajectory: Trajectory, sides: Steppers, start: State, role: str) -> SideRunner:
    phase: Phase = "loss" if trajectory.phase == "optimizer" else trajectory.phase

    def run(precision: Precision, shift: Perturbation | None) -> Values:
        found: dict[TensorSite, Array] = {}
        side = sides[role, precision]
        side.load(_given(start, precision, shift))
        for number in range(trajectory.free):
            for name, value in side.step(number).items():
                site = TensorSite(phase, "", "reported", name, scope="free_run", step=number)
                found[site] = np.asarray(value)
        return found

    return FunctionRunner(run)


def _free_run(
    trajectory: Trajectory, sides: Steppers, start: State, seed: int, judge: Judge
) -> list[Finding]:
    comparison = Comparison(
        reference=_free_runner(trajectory, sides, start, "reference"),
        candidate=_free_runner(trajectory, sides, start, "candidate"),
        is_plain_input=True,
        check_determinism=False,
        cancellation_scale=cancellation_scale.none,
    )
    return _within_horizon(trajectory, judge(comparison, seed=seed))


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
