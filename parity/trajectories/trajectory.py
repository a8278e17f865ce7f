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
from parity.compare.allowlist import without_idle_entries
from parity.compare.noise_profile import (
    Comparison,
    Repeated,
    Runner,
    Shift,
    Values,
    compare,
    group_flow,
)
from parity.diagnose.localise import finding_of
from parity.errors import CannotCompare, one_line
from parity.report.finding import Finding, Phase
from parity.report.report import Report
from parity.trace.sites import Place
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
class Course:
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


def check_course(course: Course, *, seed: int = 0) -> Report:
    """Compare a course step by step and running free.

    Raises:
        CannotCompare: a side cannot be built, or raises; or an entry of `allow` matches nothing.
    """
    report = judge_course(course, seed=seed)
    allowed = [finding for finding in report.findings if finding.allowed]
    matched = {"horizon" if f.probe == FREE_RUN else f.path for f in allowed}
    return without_idle_entries(report, course.allow, matched)


def judge_course(course: Course, *, seed: int = 0) -> Report:
    """Do as `check_course`, whatever `allow` names.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    started = time.perf_counter()
    sides, start = _ready(course)
    findings, notes = _single_steps(course, sides, start, seed), []
    if course.free:
        findings += _free_run(course, sides, start, seed)
    if course.free and course.phase == "sampling":
        notes.append(_pixels(course, sides, start))
    return Report(
        pair=course.name,
        findings=tuple(findings),
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def _pixels(course: Course, sides: Sides, start: State) -> str:
    """Say how the final images look after quantisation from [-1, 1] to 8 bits, both in float32."""
    images = []
    for role in ("reference", "candidate"):
        values = _free_runner(course, sides, start, role).values("float32")
        last = np.asarray(values[list(values)[-1]], np.float64)
        images.append(np.clip(np.round((last + 1) * 127.5), 0, 255))
    gap = np.abs(images[0] - images[1])
    return (
        f"final images as 8-bit pixels, float32: {np.mean(gap == 0):.4%} of {gap.size} equal, "
        f"largest difference {gap.max():.0f} of 255"
    )


def _ready(course: Course) -> tuple[Sides, State]:
    """Build every side; return them with the reference's own start, of float32 values."""
    sides = {
        (role, precision): _build(course, role, precision)
        for role in ("reference", "candidate")
        for precision in ("float64", "float32")
    }
    own = sides["reference", "float64"].state()
    return sides, {name: rounded(value) for name, value in own.items()}


def values_of_step(course: Course, probe: str, precision: Precision) -> tuple[Values, Values]:
    """Return what one step, or the free run, left: of the reference in float64, of the candidate.

    Args:
        course: to run.
        probe: `step N`, or `free run`.
        precision: of the candidate.

    Raises:
        CannotCompare: a side cannot be built, or raises.
    """
    sides, state = _ready(course)
    if probe == FREE_RUN:
        return (
            _free_runner(course, sides, state, "reference").values("float64"),
            _free_runner(course, sides, state, "candidate").values(precision),
        )
    number = int(probe.removeprefix("step "))
    for earlier in range(number):
        lead = _stepped(course, sides, "reference", "float64", state, earlier, None)
        state = {name: rounded(lead[name]) for name in state}
    return (
        _runner(course, sides, "reference", state, number).values("float64"),
        _runner(course, sides, "candidate", state, number).values(precision),
    )


def _build(course: Course, role: str, precision: Any) -> Stepper:
    try:
        stepper: Stepper = getattr(course, role)(precision)
    except Exception as error:
        raise CannotCompare(
            f"{course.name!r}: the {role} cannot be built in {precision}: {one_line(error)}"
        ) from error
    return stepper


Sides = Mapping[tuple[str, str], Stepper]


def _single_steps(course: Course, sides: Sides, start: State, seed: int) -> list[Finding]:
    worst: dict[Place, tuple[int, Judgement]] = {}
    state = start
    for number in range(course.steps):
        lead = _stepped(course, sides, "reference", "float64", state, number, None)
        values = _places(course, lead)
        comparison = Comparison(
            reference=_runner(course, sides, "reference", state, number, {"float64": values}),
            candidate=_runner(course, sides, "candidate", state, number),
            ordinary=True,
            thorough=number == 0,
            flow=group_flow(values) if course.phase == "optimizer" else lambda place: 0.0,
        )
        for place, judgement in compare(comparison, seed=seed).items():
            if place not in worst or judgement.verdict.rank > worst[place][1].verdict.rank:
                worst[place] = (number, judgement)
        state = {name: rounded(lead[name]) for name in state}
    return [
        finding_of(place, f"step {number}", judgement, course.allow or {})
        for place, (number, judgement) in worst.items()
    ]


def _runner(
    course: Course,
    sides: Sides,
    role: str,
    state: State,
    number: int,
    kept: Mapping[Precision, Values] | None = None,
) -> Runner:
    def run(precision: Precision, shift: Shift | None) -> Values:
        return _places(course, _stepped(course, sides, role, precision, state, number, shift))

    return Repeated(run, kept)


def _stepped(
    course: Course,
    sides: Sides,
    role: str,
    precision: Precision,
    state: State,
    number: int,
    shift: Shift | None,
) -> dict[str, Array]:
    side = sides[role, precision]
    try:
        side.load(_given(state, precision, shift))
        # What a step reports was there before the state that it leaves.
        reported = side.step(number)
        return {**reported, **side.state()}
    except Exception as error:
        raise CannotCompare(
            f"{course.name!r}: the {role} raised at step {number} in {precision}: {one_line(error)}"
        ) from error


def _given(state: State, precision: Precision, shift: Shift | None) -> dict[str, Array]:
    moved = {n: v if shift is None else shift(v, n) for n, v in state.items()}
    return {n: v.astype(precision) if is_float(v) else v for n, v in moved.items()}


def _places(course: Course, values: State) -> dict[Place, Array]:
    found = {}
    for name, value in values.items():
        group, colon, path = name.partition(":")
        owner, _, tensor = path.rpartition(".")
        what = f"{group} of {tensor}" if colon else name
        found[Place(course.phase, owner if colon else "", what)] = np.asarray(value)
    return found


def _free_runner(course: Course, sides: Sides, start: State, role: str) -> Runner:
    phase: Phase = "loss" if course.phase == "optimizer" else course.phase

    def run(precision: Precision, shift: Shift | None) -> Values:
        found: dict[Place, Array] = {}
        side = sides[role, precision]
        side.load(_given(start, precision, shift))
        for number in range(course.free):
            for name, value in side.step(number).items():
                place = Place(phase, "", f"{name} at step {number}, running free")
                found[place] = np.asarray(value)
        return found

    return Repeated(run)


def _free_run(course: Course, sides: Sides, start: State, seed: int) -> list[Finding]:
    comparison = Comparison(
        reference=_free_runner(course, sides, start, "reference"),
        candidate=_free_runner(course, sides, start, "candidate"),
        ordinary=True,
        thorough=False,
        flow=lambda place: 0.0,
    )
    judged = compare(comparison, seed=seed)
    return _within_horizon(course, judged)


def _within_horizon(course: Course, judged: Mapping[Place, Judgement]) -> list[Finding]:
    """Take back every verdict from the step on at which float32's noise has grown to `HORIZON`.

    In float64 it is smaller by far, but how much smaller is known only as long as it grows in
    proportion to what caused it.
    """
    findings, past = [], False
    for place, judgement in judged.items():
        in_float64 = judgement.verdict is Verdict.SEMANTIC_DIFFERENCE and not judgement.reason
        noise = judgement.noise / PRECISION_RATIO if in_float64 else judgement.noise
        past = past or noise > HORIZON
        reason = "past the horizon: rounding alone has grown to the size of the result"
        finding = finding_of(place, FREE_RUN, judgement, {})
        if past:
            allowed = "horizon" in (course.allow or {})
            reason += f"; allowed: {course.allow['horizon']}" if course.allow and allowed else ""
            finding = Finding(
                path="", phase=place.phase, verdict=Verdict.ABSTAIN, error=judgement.error,
                noise=judgement.noise, tensor=place.tensor, probe=FREE_RUN, reason=reason,
                allowed=allowed,
            )  # fmt: skip
        elif course.gain > 1:
            finding = _with_gain(finding, course.gain)
        findings.append(finding)
    return findings


def _with_gain(finding: Finding, gain: float) -> Finding:
    from dataclasses import replace

    text = f"error / gain {finding.error / gain:.2e} (gain {gain:.4g})"
    return replace(finding, reason=f"{finding.reason}; {text}" if finding.reason else text)
