"""Compares one pair, from its two builders to a report; and whatever else can be compared."""

from __future__ import annotations

import dataclasses
import time

from parity.base.memory import older_objects_left_alone
from parity.base.progress import begin
from parity.compare.allowlist import require_used_entries
from parity.compare.modules import PairRunner
from parity.compare.project import accepted_here
from parity.compare.tables import Tables, check_tables
from parity.diagnose.hints import hint
from parity.diagnose.known import accept, name_known_divergences
from parity.diagnose.known_operators import name_operators
from parity.diagnose.known_optimizers import name_adam_epsilon
from parity.diagnose.localise import confirm, segment
from parity.diagnose.module_text import module_texts
from parity.errors import CannotCompare, NoPartner, NotRecorded
from parity.pair import Pair
from parity.prepare import Prepared, prepare
from parity.recording.record import Record
from parity.recording.record_pair import record_pair
from parity.report.domain_notes import domain_notes
from parity.report.faults import independent_faults
from parity.report.finding import Finding, finding_of
from parity.report.report import Report
from parity.structure.module_pairs import module_pairs
from parity.trace.restoring import everything_put_back
from parity.trace.sites import TensorSite
from parity.trajectories.check_trajectory import check_trajectory
from parity.trajectories.optimizer_check import trajectories
from parity.trajectories.trajectory import Trajectory
from parity.trajectories.trajectory_runner import judge_trajectory
from parity.verdict import Cause, Judgement, error

# In order of execution.
PHASES = ("forward", "loss", "backward")
Sited = list[tuple[TensorSite, Finding]]
# Faults for which a hint is looked for; each costs some runs of the reference.
HINTS = 3
DRAWS = (Cause.RANDOM_ON_ONE_SIDE, Cause.OTHER_DRAWS)


def check(pair: Pair, *, seed: int = 0, reference: Record | None = None) -> Report:
    """Compare the two sides of a pair, forward and backward, place by place, and in training.

    Args:
        pair: what to compare; the reference's weights are taken to the candidate.
        seed: of inputs, of cotangents, of one-ulp shifts; with a record, the record's counts.
        reference: one side of the pair as it was recorded, which then is neither built nor run.

    Returns:
        The report; a disagreement is a verdict in it and no exception. The modules that the
        builders returned, and the global random generators, are afterwards what they were.

    Raises:
        CannotCompare: a builder or a side raises, parameters have no partner, inputs do not fit,
            or an entry of `allow` matches nothing; or the record is of another pair, or lacks a
            run that the comparison needs.
    """
    started = time.perf_counter()
    if reference is not None:
        given, pair, seed = pair, reference.completed(pair, seed), reference.seed
    with everything_put_back(), older_objects_left_alone():
        try:
            report = _report(prepare(pair, seed=seed, record=reference))
        except NoPartner as error:
            if reference is not None:
                name = reference.manifest["name"]
                error.args = (f"{error}; {reference.path.name} is the record of {name!r}",)
            raise
    if reference is not None:
        report = dataclasses.replace(report, notes=[*reference.notes(given), *report.notes])
    return dataclasses.replace(report, seconds=time.perf_counter() - started)


def diff(reference: Record, candidate: Record, teacher: Record | None = None) -> Report:
    """Compare two records, without any framework.

    Args:
        reference: of one side.
        candidate: of the other, recorded like the first.
        teacher: a third record, if both were recorded like it.

    Raises:
        CannotCompare: they were not.
    """
    started = time.perf_counter()
    runner, notes, settings = record_pair(reference, candidate, teacher)
    partners = {path: own for own, path in runner.candidate.modules.items()}
    report = _report(Prepared(runner, [], notes, settings, [], partners))
    return dataclasses.replace(report, seconds=time.perf_counter() - started)


def _report(prepared: Prepared) -> Report:
    """Judge a pair that is ready to run."""
    notes, pair, project = list(prepared.notes), prepared.runner.pair, accepted_here()
    everything = dataclasses.replace(pair, accept={**project.reasons, **pair.accept})
    runner = dataclasses.replace(prepared.runner, pair=everything)
    judged, merged = _merge_moved_boundaries(runner, _worst(runner))
    if merged:
        notes.append(f"other boundaries in the candidate, judged within their callers: {merged}")
    notes += domain_notes(runner.domains.left)
    notes += [
        f"under {name!r} inputs: {text}; not judged" for name, text in runner.not_recorded.items()
    ]
    notes += project.notes()
    judged += _nothing_compared(judged)
    judged = accept(
        name_operators(name_known_divergences(judged, runner), runner), everything.accept
    )
    sited = [(finding.site, finding) for finding in prepared.initial] + judged
    if any(finding.cause is Cause.SHAPE for _, finding in judged):
        # Where shapes differ in the end as well, the first tensor of another shape is to be fixed.
        sited = [*prepared.reshaped, *sited]
    is_random = any(finding.cause is Cause.RANDOM for _, finding in judged)
    if is_random and pair.optimizer is not None and pair.loss is not None:
        notes.append("training was not run: the model draws random numbers; see Pair(random=…)")
    findings = (*_explain(sited, runner), *_judge_training(runner, is_random))
    report = Report(
        pair=pair.name,
        findings=findings,
        notes=notes,
        environment=prepared.environment,
        parameters={side.role: side.size() for side in (runner.reference, runner.candidate)},
        modules=module_pairs(
            runner.reference.adapter,
            runner.candidate.adapter,
            prepared.partners,
            [f.path for f in findings if f.scope == "isolated" and not f.passes()],
        ),
    )
    abstained = {f.path for f in findings if f.allowed and f.known is None}
    report = require_used_entries(report, "allow", pair.allow, abstained)
    explained = {f.known for f in findings if f.known is not None}
    return require_used_entries(report, "accept", pair.accept, explained)


def _nothing_compared(judged: Sited) -> Sited:
    """Return a finding that fails where no number of any output was compared."""
    outputs = [f for s, f in judged if s.is_end_to_end and s.quantity in ("output", "loss")]
    if any(not (f.not_finite and f.scale == 0) for f in outputs):
        return []
    site = TensorSite("forward", "", "structure", scope="end_to_end")
    return [(site, finding_of(site, error(Cause.NO_OUTPUT)))]


def _explain(sited: Sited, runner: PairRunner) -> list[Finding]:
    """Return the findings; those that stand for a fault have a segment and, the first, a hint.

    Whether injecting the reference's tensors removes every difference is tried for the first.
    """
    if any(finding.is_fault for _, finding in sited):
        begin("what explains the faults")
    segmented = _with_segments(sited, runner)
    findings = [finding for _, finding in segmented]
    faults = independent_faults(findings)
    position = {id(finding): number for number, finding in enumerate(findings)}
    for number, fault in enumerate(faults[:HINTS]):
        at = position[id(fault.first)]
        site, finding = segmented[at]
        # No experiment says more of a draw than that it is there.
        is_explained = finding.known is not None or finding.cause in DRAWS
        if finding.scope != "isolated" or not finding.is_fault or is_explained:
            continue
        teacher, candidate = runner.rerun(finding.stress_input or "plain")
        findings[at] = dataclasses.replace(
            finding,
            confirmed=_confirmed(segmented, at, runner) if number == 0 else None,
            hint=hint(site, runner, teacher, candidate),
            modules=module_texts(runner.reference, runner.candidate, finding.path),
        )
    return findings


def _confirmed(segmented: Sited, at: int, runner: PairRunner) -> bool | None:
    """Tell whether an experiment confirms a fault; None where the candidate cannot run."""
    try:
        return confirm(segmented, at, runner)
    except NotRecorded:
        return None


def _with_segments(sited: Sited, runner: PairRunner) -> Sited:
    """Return the findings; the isolated ones that fail have the segment of code they lie in."""
    failing = [f for _, f in sited if f.is_fault and f.scope == "isolated" and not f.passes()]
    if not failing:
        return sited
    teacher, _ = runner.rerun(failing[0].stress_input or "plain")
    return [
        (site, dataclasses.replace(finding, segment=segment(site, teacher)))
        if finding.is_fault and finding.scope == "isolated"
        else (site, finding)
        for site, finding in sited
    ]


def _judge_training(runner: PairRunner, is_random: bool) -> list[Finding]:
    """Judge the optimizer's steps and free training, where the pair names an optimizer.

    A model that draws numbers of its own is not trained: its losses could not be compared.
    """
    if runner.pair.optimizer is None:
        return []
    begin("steps of the optimizer")
    findings = [
        finding
        for trajectory in trajectories(runner)
        if not (is_random and trajectory.free)
        for finding in judge_trajectory(trajectory, seed=runner.seed, judge=runner.judge).findings
    ]
    return name_adam_epsilon(findings, runner)


def compare(subject: Pair | Trajectory | Tables, *, seed: int = 0) -> Report:
    """Compare anything that can be compared: a pair of modules, a trajectory, or tables.

    Raises:
        CannotCompare: as `check`, `check_trajectory` and `check_tables`.
    """
    if isinstance(subject, Pair):
        return check(subject, seed=seed)
    if isinstance(subject, Tables):
        return check_tables(subject)
    return check_trajectory(subject, seed=seed)


def assert_parity(pair: Pair | Trajectory | Tables, *, seed: int = 0) -> Report:
    """Compare a pair inside a test.

    Raises:
        AssertionError: the sides disagree; its text is the report's.
        CannotCompare: as `check`.
    """
    __tracebackhide__ = True
    try:
        report = compare(pair, seed=seed)
    except CannotCompare as error:
        # Raised anew, so that a test shows this line and not the harness's own code.
        raise error.with_traceback(None) from None
    if not report.passed:
        raise AssertionError(str(report))
    return report


def judge_pair(runner: PairRunner) -> dict[TensorSite, tuple[str, Judgement]]:
    """Judge every tensor under every stress input, and end to end.

    Returns:
        By site, in order of execution, the stress input with the worst verdict and its judgement.
    """
    worst: dict[TensorSite, tuple[str, Judgement]] = {}
    count = len(runner.pair.stress_inputs)
    for number, stress_input in enumerate(runner.pair.stress_inputs):
        begin(f"stress input {number + 1} of {count}, {stress_input}")
        for site, judgement in runner.judge_isolated(stress_input, first=number == 0).items():
            if site not in worst or judgement.verdict.rank > worst[site][1].verdict.rank:
                worst[site] = (stress_input, judgement)
    ordered = {site: worst[site] for site in sorted(worst, key=lambda s: PHASES.index(s.phase))}
    return ordered | {s: ("plain", judged) for s, judged in runner.judge_end_to_end().items()}


def _worst(runner: PairRunner) -> Sited:
    return [
        (site, finding_of(site, judgement, stress_input=stress_input, allow=runner.pair.allow))
        for site, (stress_input, judgement) in judge_pair(runner).items()
    ]


def _merge_moved_boundaries(runner: PairRunner, judged: Sited) -> tuple[Sited, str]:
    """Judge again, without them, modules that merely end elsewhere in the candidate.

    Where a port moves an activation into the layer before it, that layer is another function and
    the model is the same one. So if plain inputs make modules differ, and nothing differs end to
    end, the modules are no longer tapped, and what they compute is judged with what is around
    them. If it still differs there, the first findings stand.

    Returns:
        The findings that hold, and the paths of the modules that were merged.
    """
    end_to_end = [finding for _, finding in judged if finding.scope == "end_to_end"]
    faults = [(s, f) for s, f in judged if f.is_fault and f.scope == "isolated"]
    modules = {site.tap.path if site.tap else site.path for site, _ in faults} - {""}
    is_plain_input = all(f.stress_input == runner.pair.stress_inputs[0] for _, f in faults)
    # An output that depends on nothing, or none at all, cannot show that the modules agree.
    tells = any(f.phase != "backward" and f.varies and f.scale for f in end_to_end)
    agree = tells and all(f.passes() for f in end_to_end)
    if not modules or not is_plain_input or not agree:
        return judged, ""
    try:
        again = _worst(runner.without(modules))
    except NotRecorded:
        return judged, ""
    if all(finding.passes() for _, finding in again):
        return again, ", ".join(sorted(modules))
    return judged, ""
