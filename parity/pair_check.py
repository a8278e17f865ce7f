"""The whole comparison of one pair, from its two builders to a report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from parity.base.memory import older_objects_left_alone
from parity.base.rng import keyed
from parity.compare.allowlist import require_used_entries
from parity.compare.environment import environment
from parity.compare.initial_values import compare_initial
from parity.compare.modules import PairRunner
from parity.diagnose.localise import FAULTS, confirm, finding_of
from parity.pair import Pair
from parity.report.finding import Finding
from parity.report.report import Report
from parity.report.text import describe
from parity.trace.bound_model import build, randomize_constant_parameters
from parity.trace.sites import TensorSite
from parity.verdict import Judgement

if TYPE_CHECKING:
    from parity.trajectories.trajectory import Trajectory


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
    runner, notes = ready.runner, list(ready.notes)
    found, divided = _merge_moved_boundaries(runner, _worst(runner))
    if divided:
        notes.append(f"divided otherwise in the candidate, judged as part of more: {divided}")
    findings: list[tuple[TensorSite | None, Finding]] = [
        (None, finding) for finding in ready.initial
    ]
    findings += found
    report = Report(
        pair=pair.name,
        findings=(*confirm(findings, runner), *_judge_training(runner)),
        notes=notes,
        environment=ready.environment,
    )
    matched = {site.path for site, finding in found if site and finding.allowed}
    return require_used_entries(report, pair.allow, matched)


def _judge_training(runner: PairRunner) -> list[Finding]:
    """Judge the optimizer's steps and free training, where the pair names an optimizer."""
    if runner.pair.optimizer is None:
        return []
    from parity.trajectories.optimizer_check import trajectories
    from parity.trajectories.trajectory import judge_trajectory

    found = [
        judge_trajectory(trajectory, seed=runner.seed).findings
        for trajectory in trajectories(runner)
    ]
    return [finding for findings in found for finding in findings]


class Prepared(NamedTuple):
    """A pair built and filled, and what is known before anything has run."""

    runner: PairRunner
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
    runner = PairRunner(
        pair=pair,
        reference=reference,
        candidate=candidate,
        inputs=pair.draw_inputs(keyed(seed, "inputs")),
        weights=randomize_constant_parameters(state, reference.parameters, seed),
        seed=seed,
    )
    runner, uncalled = _ignore_unmatched_calls(runner)
    if uncalled:
        notes.append(f"called on one side only, judged as part of more: {uncalled}")
    return Prepared(runner, initial, [*around.notes, *notes], around.sides)


def outcome(subject: Pair | Trajectory, *, seed: int = 0) -> Report:
    """Compare whatever can be compared: a pair of modules, or a course of steps.

    Raises:
        CannotCompare: as `check` and `check_trajectory`.
    """
    if isinstance(subject, Pair):
        return check(subject, seed=seed)
    from parity.trajectories.trajectory import check_trajectory

    return check_trajectory(subject, seed=seed)


def assert_parity(pair: Pair | Trajectory, *, seed: int = 0) -> Report:
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


def _worst(runner: PairRunner) -> list[tuple[TensorSite, Finding]]:
    """Judge every probe and the whole; keep each place's worst, in order of execution."""
    worst: dict[TensorSite, tuple[str, Judgement]] = {}
    for number, stress_input in enumerate(runner.pair.stress_inputs):
        for site, judgement in runner.judge_under(stress_input, first=number == 0).items():
            if site not in worst or judgement.verdict.rank > worst[site][1].verdict.rank:
                worst[site] = (stress_input, judgement)
    found = [(site, *worst[site]) for site in sorted(worst, key=_phase)]
    found += [(site, "plain", judged) for site, judged in runner.judge_whole().items()]
    return [
        (site, finding_of(site, stress_input, judgement, runner.pair.allow))
        for site, stress_input, judgement in found
    ]


def _ignore_unmatched_calls(runner: PairRunner) -> tuple[PairRunner, str]:
    """Watch no module that one side calls more often than the other.

    A port may spell a layer out, or apply its weight by hand. What such a module computes is then
    part of what its caller computes.

    Returns:
        The sides, and the paths of the modules.
    """
    calls = [{tap for tap in t.caller if tap.port == "output"} for t in runner.list_calls()]
    uncalled = {tap.path for tap in calls[0] ^ calls[1]} - {""}
    return runner.without(uncalled) if uncalled else runner, ", ".join(sorted(uncalled))


def _merge_moved_boundaries(
    runner: PairRunner, found: list[tuple[TensorSite, Finding]]
) -> tuple[list[tuple[TensorSite, Finding]], str]:
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
    is_plain_input = all(
        finding.stress_input == runner.pair.stress_inputs[0] for _, finding in faults
    )
    # A model that returns nothing has no end that could agree.
    agree = any(f.phase != "backward" for f in ends) and all(f.passes() for f in ends)
    if not modules or not is_plain_input or not agree:
        return found, ""
    again = _worst(runner.without(modules))
    if all(finding.passes() for _, finding in again):
        return again, ", ".join(sorted(modules))
    return found, ""


def _phase(site: TensorSite) -> int:
    return ("forward", "loss", "backward").index(site.phase)
