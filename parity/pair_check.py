"""The whole comparison of one pair, from its two builders to a report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from parity.base.memory import older_objects_left_alone
from parity.base.rng import keyed
from parity.compare.allowlist import without_idle_entries
from parity.compare.environment import environment
from parity.compare.initial_values import compare_initial
from parity.compare.modules import Sides
from parity.diagnose.localise import FAULTS, confirm, finding_of
from parity.pair import Pair
from parity.report.finding import Finding
from parity.report.report import Report
from parity.report.text import describe
from parity.trace.bound_model import build, moved_off
from parity.trace.sites import Place
from parity.verdict import Judgement

if TYPE_CHECKING:
    from parity.trajectories.trajectory import Course


def check(pair: Pair, *, seed: int = 0) -> Report:
    """Compare the two sides of a pair, forward and backward, place by place, and in training.

    Args:
        pair: what to compare; the reference's weights are taken to the candidate.
        seed: of inputs, of cotangents, of one-ulp shifts.

    Returns:
        The report; a disagreement is a verdict in it and no exception.

    Raises:
        CannotCompare: a builder or a side raises, parameters have no partner, inputs do not fit,
            or an entry of `allow` matches nothing.
    """
    started = time.perf_counter()
    with older_objects_left_alone():
        report = _check(pair, seed)
    return dataclasses.replace(report, seconds=time.perf_counter() - started)


def _check(pair: Pair, seed: int) -> Report:
    ready = prepare(pair, seed=seed)
    sides, notes = ready.sides, list(ready.notes)
    found, divided = _divided_alike(sides, _worst(sides))
    if divided:
        notes.append(f"divided otherwise in the candidate, judged as part of more: {divided}")
    findings: list[tuple[Place | None, Finding]] = [(None, finding) for finding in ready.initial]
    findings += found
    report = Report(
        pair=pair.name,
        findings=(*confirm(findings, sides), *_judge_training(sides)),
        notes=notes,
        environment=ready.environment,
    )
    matched = {place.path for place, finding in found if place and finding.allowed}
    return without_idle_entries(report, pair.allow, matched)


def _judge_training(sides: Sides) -> list[Finding]:
    """Judge the optimizer's steps and free training, where the pair names an optimizer."""
    if sides.pair.optimizer is None:
        return []
    from parity.trajectories.optimizer_check import courses
    from parity.trajectories.trajectory import judge_course

    found = [judge_course(course, seed=sides.seed).findings for course in courses(sides)]
    return [finding for findings in found for finding in findings]


class Prepared(NamedTuple):
    """A pair built and filled, and what is known before anything has run."""

    sides: Sides
    initial: list[Finding]
    notes: list[str]
    environment: Mapping[str, Mapping[str, str]]


def prepare(pair: Pair, *, seed: int = 0) -> Prepared:
    """Build both sides, match their names, draw the inputs, and see what is called.

    Raises:
        CannotCompare: as `check`.
    """
    reference, candidate, state = build(pair)
    around = environment(reference.adapter, candidate.adapter)
    initial, notes = compare_initial(pair, candidate, state)
    sides = Sides(
        pair=pair,
        reference=reference,
        candidate=candidate,
        inputs=pair.draw_inputs(keyed(seed, "inputs")),
        weights=moved_off(state, reference.parameters, seed),
        seed=seed,
    )
    sides, uncalled = _called_alike(sides)
    if uncalled:
        notes.append(f"called on one side only, judged as part of more: {uncalled}")
    return Prepared(sides, initial, [*around.notes, *notes], around.sides)


def outcome(subject: Pair | Course, *, seed: int = 0) -> Report:
    """Compare whatever can be compared: a pair of modules, or a course of steps.

    Raises:
        CannotCompare: as `check` and `check_course`.
    """
    if isinstance(subject, Pair):
        return check(subject, seed=seed)
    from parity.trajectories.trajectory import check_course

    return check_course(subject, seed=seed)


def assert_parity(pair: Pair | Course, *, seed: int = 0) -> Report:
    """Check a pair inside a test.

    Raises:
        AssertionError: the sides disagree; its text is the report's.
        CannotCompare: as `check`.
    """
    __tracebackhide__ = True
    report = outcome(pair, seed=seed)
    if not report.passed:
        raise AssertionError(describe(report))
    return report


def _worst(sides: Sides) -> list[tuple[Place, Finding]]:
    """Judge every probe and the whole; keep each place's worst, in order of execution."""
    worst: dict[Place, tuple[str, Judgement]] = {}
    for number, probe in enumerate(sides.pair.probes):
        for place, judgement in sides.judge_probe(probe, first=number == 0).items():
            if place not in worst or judgement.verdict.rank > worst[place][1].verdict.rank:
                worst[place] = (probe, judgement)
    found = [(place, *worst[place]) for place in sorted(worst, key=_phase)]
    found += [(place, "plain", judged) for place, judged in sides.judge_whole().items()]
    return [
        (place, finding_of(place, probe, judgement, sides.pair.allow))
        for place, probe, judgement in found
    ]


def _called_alike(sides: Sides) -> tuple[Sides, str]:
    """Watch no module that one side calls more often than the other.

    A port may spell a layer out, or apply its weight by hand. What such a module computes is then
    part of what its caller computes.

    Returns:
        The sides, and the paths of the modules.
    """
    calls = [{tap for tap in t.caller if tap.port == "output"} for t in sides.roll_calls()]
    uncalled = {tap.path for tap in calls[0] ^ calls[1]} - {""}
    return sides.without(uncalled) if uncalled else sides, ", ".join(sorted(uncalled))


def _divided_alike(
    sides: Sides, found: list[tuple[Place, Finding]]
) -> tuple[list[tuple[Place, Finding]], str]:
    """Judge anew, without them, modules that merely end elsewhere in the candidate.

    Where a port moves an activation into the layer before it, that layer is another function and
    the model is the same one. So: if inputs as they come make modules differ, and nothing differs
    end to end, the modules are no longer watched, and what they compute is judged with what is
    around them. A fault stays one there; then the first findings stand.

    Returns:
        The findings that hold, and the paths of the modules that are divided otherwise.
    """
    ends = [finding for _, finding in found if "end to end" in finding.tensor]
    faults = [(p, f) for p, f in found if f.verdict in FAULTS and "end to end" not in f.tensor]
    modules = {p.tap.path for p, _ in faults if p.tap} | {p.path for p, _ in faults if not p.tap}
    modules -= {""}
    ordinary = all(finding.probe == sides.pair.probes[0] for _, finding in faults)
    # A model that returns nothing has no end that could agree.
    agree = any(f.phase != "backward" for f in ends) and all(f.passes() for f in ends)
    if not modules or not ordinary or not agree:
        return found, ""
    again = _worst(sides.without(modules))
    if all(finding.passes() for _, finding in again):
        return again, ", ".join(sorted(modules))
    return found, ""


def _phase(place: Place) -> int:
    return ("forward", "loss", "backward").index(place.phase)
