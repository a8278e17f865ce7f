"""From two sides' training steps to findings.

What a model or an optimizer computed is judged as everywhere, in float64 and in float32. What only
the user's script could compute, such as the loss, was computed once, in float32: there the two
sides may differ by what float32's rounding explains, and not by more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from parity.base.difference import difference_of
from parity.base.numerics import Array, distance, is_float, magnitude
from parity.compare.arrays import judge_arrays, located
from parity.limits import FLOAT32_EPSILON, NEVER_ROUNDING, K
from parity.noise import cancellation_scale
from parity.noise.side_arrays import SideArrays, Sums
from parity.report.finding import Finding, finding_of
from parity.steps import sites
from parity.steps.judging.hints import hint
from parity.steps.judging.known import known_divergence
from parity.steps.judging.measuring import UNKNOWN
from parity.steps.step_data import Measure, TrainingStep, joined
from parity.trace.sites import TensorSite
from parity.verdict import (
    Cause,
    Judgement,
    Role,
    Verdict,
    cannot_judge,
    error,
    judge_exact,
    other_structure,
)


def judge_step(
    reference: TrainingStep,
    candidate: TrainingStep,
    *,
    own_data: bool = False,
    accept: Mapping[str, str] | None = None,
    momentum: Mapping[str, float] | None = None,
    rates_before: Mapping[str, float] | None = None,
) -> list[Finding]:
    """Judge one step of the candidate, which was given the reference's values.

    Args:
        reference: as it was recorded.
        candidate: as it ran.
        own_data: whether batches of other values are expected, since both sides shuffle by
            themselves.
        accept: name of a known divergence -> reason.
        momentum: of each of the reference's modules that has one, by path.
        rates_before: the reference's learning rates in the step before, where it was recorded.
    """
    found = _events(reference, candidate)
    scale = cancellation_scale.of_groups(
        {
            site: measure.float64 if measure.float64 is not None else measure.float32
            for site, measure in reference.measures.items()
            if site.phase in ("backward", "optimizer") and is_float(measure.float32)
        }
    )
    found += _left_weights(reference, candidate)
    wrong: set[str] = set()
    for site, of_reference in reference.measures.items():
        path = joined(site.owner, site.label)
        if site.phase == "clipping" and path in wrong and not _is_forced(candidate, path):
            continue  # what is wrong before it was not replaced, so it is wrong too
        of_candidate = candidate.measures.get(site)
        if own_data and site.phase == "data":
            continue
        if of_candidate is None:
            if site.quantity not in ("setting", "buffer", "batch", "mode"):
                found.append((site, cannot_judge(Cause.MISSING_IN_CANDIDATE)))
            continue
        size = scale(site) if site.phase in ("backward", "optimizer") else 0.0
        found.append((site, _judge(site, of_reference, of_candidate, size)))
        if site.phase == "backward" and not found[-1][1].verdict.passes():
            wrong.add(path)
    findings = []
    for site, judgement in found:
        finding = finding_of(site._replace(step=reference.number), judgement)
        name = None
        if finding.is_fault:
            name = known_divergence(site, reference, candidate, momentum or {})
        if name is not None:
            finding = replace(finding, known=name, allowance=(accept or {}).get(name))
        elif finding.is_fault:
            finding = replace(finding, hint=hint(site, reference, candidate, rates_before))
        findings.append(finding)
    return findings


def _left_weights(
    reference: TrainingStep, candidate: TrainingStep
) -> list[tuple[TensorSite, Judgement]]:
    """Judge what a script does to weights beside its optimizers: clipping them, for example."""
    found = []
    for model, weights in reference.weights.items():
        calls = zip(reference.calls_of(model), candidate.calls_of(model), strict=False)
        for number, (own, other) in enumerate(calls):
            for path, array in other.arrived_weights.items():
                site = sites.left_weight(joined(model, path), number)
                expected = weights[own.version].get(path)
                if expected is not None:
                    found.append((site, judge_once(Measure(expected), Measure(array))))
        end = len(reference.calls_of(model))
        for path, array in reference.weights_end.get(model, {}).items():
            other_end = candidate.weights_end.get(model, {}).get(path)
            if other_end is not None:
                site = sites.left_weight(joined(model, path), end)
                found.append((site, judge_once(Measure(array), Measure(other_end))))
    return found


def _is_forced(step: TrainingStep, path: str) -> bool:
    """Tell whether a parameter's gradients were the recorded ones before they were clipped."""
    return all(s.is_forced for s in step.optimizer_steps if path in s.given)


def _events(reference: TrainingStep, candidate: TrainingStep) -> list[tuple[TensorSite, Judgement]]:
    """Judge the numbers of calls, backward passes and steps of optimizers."""
    found: list[tuple[TensorSite, tuple[str, str]]] = []
    for model in reference.weights:
        numbers = len(reference.calls_of(model)), len(candidate.calls_of(model))
        site = sites.structure("forward", f"calls of {model or 'the model'}")
        found.append((site, (str(numbers[0]), str(numbers[1]))))
    for optimizer in {s.optimizer: None for s in reference.optimizer_steps}:
        name = optimizer or "the optimizer"
        own, other = (step.steps_of(optimizer) for step in (reference, candidate))
        site = sites.structure("optimizer", f"steps of {name}")
        found.append((site, (str(len(own)), str(len(other)))))
        if own and other:
            paths = own[0].given.keys(), other[0].given.keys()
            for path in sorted(paths[0] ^ paths[1])[:1]:
                trains = ["trained" if path in of_side else "not trained" for of_side in paths]
                site = sites.structure("optimizer", f"{path} by {name}")
                found.append((site, (trains[0], trains[1])))
    return [(site, other_structure(both)) for site, both in found if both[0] != both[1]]


def _judge(site: TensorSite, reference: Measure, candidate: Measure, scale: float) -> Judgement:
    if reference.float64 is not None and candidate.float64 is not None:
        sides = _side(reference), _side(candidate)
        judgement = judge_arrays(
            *sides,
            is_plain_input=True,
            sums=Sums(scale, reference.terms, False),
        )
        assert judgement is not None
        return located(judgement, *sides)
    return judge_once(reference, candidate, scale)


def _side(measure: Measure) -> SideArrays:
    return SideArrays(
        float64=measure.float64,
        float32=measure.float32,
        spread64=measure.spread64,
        spread32=measure.spread32,
        epsilon=measure.epsilon,
    )


def judge_once(reference: Measure, candidate: Measure, scale: float = 0.0) -> Judgement:
    """Judge what each side computed once, in float32.

    Args:
        reference: the one side.
        candidate: the other.
        scale: magnitude of the terms that were summed, if it is larger than the result.

    Returns:
        The judgement; its precision is float32. Where nothing is known of the rounding, what is
        too small to be certain ABSTAINs.
    """
    own, other = reference.float32, candidate.float32
    if own.size != other.size:
        return error(Cause.SHAPE, compared=(str(own.shape), str(other.shape)))
    if is_float(own) != is_float(other):
        return error(Cause.DTYPE, compared=(str(own.dtype), str(other.dtype)))
    other = other.reshape(own.shape)
    if not is_float(own):
        return judge_exact(np.array_equal(own, other))
    return _judge_floats(own, other, reference, candidate, scale)


def _judge_floats(
    own: Array, other: Array, reference: Measure, candidate: Measure, scale: float
) -> Judgement:
    differs = distance(other, own)
    if differs and (reference.is_random or candidate.is_random):
        is_both = reference.is_random and candidate.is_random
        side: Role = "reference" if reference.is_random else "candidate"
        return cannot_judge(Cause.RANDOM) if is_both else cannot_judge(Cause.RERUNS_DIFFER, side)
    if not np.isfinite(differs):
        side = "reference" if not np.isfinite(own).all() else "candidate"
        return error(Cause.NOT_FINITE, side=side, precision="float32")
    unit = magnitude(own) if np.isfinite(magnitude(own)) else 1.0
    epsilon = max(reference.epsilon, candidate.epsilon)
    floor = max(unit, scale) * reference.epsilon / 2
    spreads = [m.spread32 for m in (reference, candidate) if m.spread32 != UNKNOWN]
    noise = max(floor, floor * reference.terms**0.5 / K, *spreads)
    judged = Judgement(
        verdict=Verdict.WITHIN_NOISE,
        error=differs / (unit or 1.0),
        noise=noise / (unit or 1.0),
        precision="float32",
        scale=unit,
    )
    if np.array_equal(own, other):
        return replace(judged, verdict=Verdict.IDENTICAL)
    if differs <= K * noise:
        return judged
    if epsilon > FLOAT32_EPSILON and reference.epsilon != candidate.epsilon:
        coarser: Role = "candidate" if candidate.epsilon > reference.epsilon else "reference"
        return replace(
            judged,
            verdict=Verdict.SEMANTIC_DIFFERENCE,
            cause=Cause.COARSER,
            side=coarser,
        )
    if not spreads and differs <= NEVER_ROUNDING * max(unit, scale):
        return replace(judged, verdict=Verdict.ABSTAIN, cause=Cause.UNKNOWN_ROUNDING)
    difference = difference_of(own, other, K * noise)
    return replace(judged, verdict=Verdict.SEMANTIC_DIFFERENCE, difference=difference)


def worst_of(findings: list[list[Finding]]) -> list[Finding]:
    """Return the worst finding of each place over some steps, in the order of events."""
    worst: dict[TensorSite, Finding] = {}
    for of_step in findings:
        for finding in of_step:
            site = finding.site._replace(step=None)
            if site not in worst or finding.verdict.rank > worst[site].verdict.rank:
                worst[site] = finding
    return list(worst.values())
