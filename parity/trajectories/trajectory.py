"""Training and sampling compared: one step at a time from equal states, and running free.

The strong test is one step: both sides are set to the reference's own state, take one step, and
every number of the new state is judged. The free run is the weak one, for an adaptive optimizer
hides much of what is wrong; in float64 it still tells, as long as rounding has not grown to the
size of the result. Up to where that holds is measured, and past it there is no verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from parity.base.numerics import Array, Precision, is_float, rounded
from parity.compare.allowlist import require_used_entries
from parity.compare.noise_profile import (
    Compare,
    Comparison,
    Perturbation,
    Repeated,
    Runner,
    Values,
    compare,
    group_cancellation_scale,
)
from parity.diagnose.localise import finding_of
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding, Phase
from parity.report.report import Report
from parity.trace.sites import TensorSite
from parity.verdict import HORIZON, PRECISION_RATIO, Judgement, Verdict

State = Mapping[str, Array]
# The probe of a free run's findings, in the place of a probe's name or of `step N`.
FREE_RUN = "free run"


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


def check_trajectory(trajectory: Trajectory, *, seed: int = 0) -> Report:
    """Compare a course step by step and running free.

    Raises:
        CannotCompare: a side cannot be built, or raises; or an entry of `allow` matches nothing.
    """
    report = judge_trajectory(trajectory, seed=seed)
    allowed = [finding for finding in report.findings if finding.allowed]
    matched = {"horizon" if f.stress_input == FREE_RUN else f.path for f in allowed}
    return require_used_entries(report, trajectory.allow, matched)


def judge_trajectory(
    trajectory: Trajectory, *, seed: int = 0, compare: Compare = compare
) -> Report:
    """Do as `check_trajectory`, whatever `allow` names; `compare` judges two runs.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    started = time.perf_counter()
    sides, start = _ready(trajectory)
    findings, notes = _single_steps(trajectory, sides, start, seed, compare), []
    if trajectory.free:
        findings += _free_run(trajectory, sides, start, seed, compare)
    if trajectory.free and trajectory.phase == "sampling":
        notes.append(_pixels(trajectory, sides, start))
    return Report(
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
    trajectory: Trajectory, stress_input: str, precision: Precision
) -> tuple[Values, Values]:
    """Return what one step, or the free run, left: of the reference in float64, of the candidate.

    Args:
        trajectory: to run.
        stress_input: `step N`, or `free run`.
        precision: of the candidate.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    sides, state = _ready(trajectory)
    if stress_input == FREE_RUN:
        return (
            _free_runner(trajectory, sides, state, "reference").values("float64"),
            _free_runner(trajectory, sides, state, "candidate").values(precision),
        )
    number = int(stress_input.removeprefix("step "))
    for earlier in range(number):
        teacher = _stepped(trajectory, sides, "reference", "float64", state, earlier, None)
        state = {name: rounded(teacher[name]) for name in state}
    return (
        _runner(trajectory, sides, "reference", state, number).values("float64"),
        _runner(trajectory, sides, "candidate", state, number).values(precision),
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
    trajectory: Trajectory, sides: Steppers, start: State, seed: int, compare: Compare
) -> list[Finding]:
    worst: dict[TensorSite, tuple[int, Judgement]] = {}
    state = start
    for number in range(trajectory.steps):
        teacher = _stepped(trajectory, sides, "reference", "float64", state, number, None)
        values = _places(trajectory, teacher)
        comparison = Comparison(
            reference=_runner(trajectory, sides, "reference", state, number, {"float64": values}),
            candidate=_runner(trajectory, sides, "candidate", state, number),
            is_plain_input=True,
            check_determinism=number == 0,
            cancellation_scale=group_cancellation_scale(values)
            if trajectory.phase == "optimizer"
            else lambda site: 0.0,
        )
        for site, judgement in compare(comparison, seed=seed).items():
            if site not in worst or judgement.verdict.rank > worst[site][1].verdict.rank:
                worst[site] = (number, judgement)
        state = {name: rounded(teacher[name]) for name in state}
    return [
        finding_of(site, f"step {number}", judgement, trajectory.allow or {})
        for site, (number, judgement) in worst.items()
    ]


def _runner(
    trajectory: Trajectory,
    sides: Steppers,
    role: str,
    state: State,
    number: int,
    kept: Mapping[Precision, Values] | None = None,
) -> Runner:
    def run(precision: Precision, shift: Perturbation | None) -> Values:
        return _places(
            trajectory, _stepped(trajectory, sides, role, precision, state, number, shift)
        )

    return Repeated(run, kept)


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


def _places(trajectory: Trajectory, values: State) -> dict[TensorSite, Array]:
    found = {}
    for name, value in values.items():
        group, colon, path = name.partition(":")
        owner, _, tensor = path.rpartition(".")
        what = f"{group} of {tensor}" if colon else name
        found[TensorSite(trajectory.phase, owner if colon else "", what)] = np.asarray(value)
    return found


def _free_runner(trajectory: Trajectory, sides: Steppers, start: State, role: str) -> Runner:
    phase: Phase = "loss" if trajectory.phase == "optimizer" else trajectory.phase

    def run(precision: Precision, shift: Perturbation | None) -> Values:
        found: dict[TensorSite, Array] = {}
        side = sides[role, precision]
        side.load(_given(start, precision, shift))
        for number in range(trajectory.free):
            for name, value in side.step(number).items():
                site = TensorSite(phase, "", f"{name} at step {number}, running free")
                found[site] = np.asarray(value)
        return found

    return Repeated(run)


def _free_run(
    trajectory: Trajectory, sides: Steppers, start: State, seed: int, compare: Compare
) -> list[Finding]:
    comparison = Comparison(
        reference=_free_runner(trajectory, sides, start, "reference"),
        candidate=_free_runner(trajectory, sides, start, "candidate"),
        is_plain_input=True,
        check_determinism=False,
        cancellation_scale=lambda site: 0.0,
    )
    judged = compare(comparison, seed=seed)
    return _within_horizon(trajectory, judged)


def _within_horizon(
    trajectory: Trajectory, judged: Mapping[TensorSite, Judgement]
) -> list[Finding]:
    """Take back every verdict from the step on at which float32's noise has grown to `HORIZON`.

    In float64 it is smaller by far, but how much smaller is known only as long as it grows in
    proportion to what caused it.
    """
    findings, past = [], False
    for site, judgement in judged.items():
        in_float64 = judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and not judgement.reason
        noise = judgement.noise / PRECISION_RATIO if in_float64 else judgement.noise
        past = past or noise > HORIZON
        reason = "past the horizon: rounding alone has grown to the size of the result"
        finding = finding_of(site, FREE_RUN, judgement, {})
        if past:
            allowed = "horizon" in (trajectory.allow or {})
            reason += (
                f"; allowed: {trajectory.allow['horizon']}" if trajectory.allow and allowed else ""
            )
            finding = Finding(
                path="", phase=site.phase, verdict=Verdict.ABSTAIN, error=judgement.error,
                noise=judgement.noise, tensor=site.tensor, stress_input=FREE_RUN, reason=reason,
                allowed=allowed,
            )  # fmt: skip
        elif trajectory.gain > 1:
            finding = _with_gain(finding, trajectory.gain)
        findings.append(finding)
    return findings


def _with_gain(finding: Finding, gain: float) -> Finding:
    from dataclasses import replace

    text = f"error / gain {finding.error / gain:.2e} (gain {gain:.4g})"
    return replace(finding, reason=f"{finding.reason}; {text}" if finding.reason else text)
