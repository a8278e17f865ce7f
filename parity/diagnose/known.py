"""Tells whether a known divergence of the frameworks explains a difference, by an experiment.

A divergence explains a tensor if the reference's, changed by the divergent rule alone, is the
candidate's in float64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from parity.base.numerics import Array, distance, magnitude
from parity.base.stress_inputs import WITH_TIES, told_apart
from parity.compare.modules import PairRunner
from parity.diagnose.signatures import resembles
from parity.limits import K
from parity.report.finding import Finding
from parity.trace.sites import TensorSite
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites
from parity.verdict import Cause

Sited = Sequence[tuple[TensorSite, Finding]]
STRUCTURE = "output structure"
RUNNING_VAR, SUBGRADIENT = "jittor.batch_norm.running_var", "subgradient"


def name_known_divergences(sited: Sited, runner: PairRunner) -> list[tuple[TensorSite, Finding]]:
    """Return the findings; those that a known divergence explains carry its name.

    Args:
        sited: findings of isolated and end-to-end runs.
        runner: the pair.
    """
    named = [
        (site, dataclasses.replace(f, known=STRUCTURE) if f.cause is Cause.OTHER_STRUCTURE else f)
        for site, f in sited
    ]
    _name(named, RUNNING_VAR, _is_running_var, lambda group: _running_vars(group, runner))
    for stress_input in WITH_TIES:
        _name(
            named,
            SUBGRADIENT,
            lambda finding, ties=stress_input: _is_gradient_under(finding, ties),  # type: ignore[misc]
            lambda group, ties=stress_input: _without_ties(group, runner, ties),  # type: ignore[misc]
        )
    return named


def _name(
    named: list[tuple[TensorSite, Finding]],
    name: str,
    applies: Callable[[Finding], bool],
    explained: Callable[[Sited], set[TensorSite]],
) -> None:
    """Give a name to the findings that fail, to which it applies and that it explains."""
    group = [(site, f) for site, f in named if f.is_fault and f.known is None and applies(f)]
    sites = explained(group) if group else set()
    for number, (site, finding) in enumerate(named):
        if site in sites and finding.is_fault:
            named[number] = site, dataclasses.replace(finding, known=name)


def accept(sited: Sited, reasons: Mapping[str, str]) -> list[tuple[TensorSite, Finding]]:
    """Return the findings; those with an accepted divergence carry the user's reason."""
    return [
        (site, dataclasses.replace(finding, allowance=reasons[finding.known]))
        if finding.known is not None and finding.known in reasons
        else (site, finding)
        for site, finding in sited
    ]


def _is_running_var(finding: Finding) -> bool:
    return finding.quantity == "buffer" and finding.label == "running_var"


def _running_vars(group: Sited, runner: PairRunner) -> set[TensorSite]:
    """Return the sites at which one side has the biased variance of the same batch."""
    frameworks = [side.adapter.framework for side in (runner.reference, runner.candidate)]
    if frameworks.count("jittor") != 1:
        return set()
    modules = runner.reference.adapter.modules()
    names = {path: own for own, path in runner.reference.modules.items()}
    explained = set()
    for stress_input in {f.stress_input or "plain" for _, f in group}:
        teacher, candidate = runner.rerun(stress_input)
        for site, finding in group:
            path = f"{site.owner}.{site.label}".strip(".")
            momentum = getattr(modules.get(names.get(site.owner, "")), "momentum", None)
            number = _batch_size(teacher, site.owner, runner.weights[path])
            if (finding.stress_input or "plain") != stress_input or not momentum or number < 2:
                continue
            kept = (1 - momentum) * runner.weights[path].astype(np.float64)
            bias = (number - 1) / number
            factor = bias if frameworks[1] == "jittor" else 1 / bias
            if resembles(kept + (teacher.buffers[path] - kept) * factor, candidate.buffers[path]):
                explained.add(site)
    return explained


def _batch_size(teacher: Trace, path: str, variance: Array) -> int:
    """Return from how many numbers a module's only call took each variance; 0 for several calls."""
    entered = [tap for tap in teacher.forced if tap.path == path and tap.port == "input"]
    return teacher.forced[entered[0]].size // variance.size if len(entered) == 1 else 0


def _is_gradient_under(finding: Finding, stress_input: str) -> bool:
    # In float64: what differs in float32 alone agrees without ties for another reason.
    in_float64 = finding.precision == "float64"
    return finding.phase == "backward" and finding.stress_input == stress_input and in_float64


def _without_ties(group: Sited, runner: PairRunner, stress_input: str) -> set[TensorSite]:
    """Return the sites whose gradients agree as soon as the equal values are told apart."""
    reference, candidate = (tensor_sites(trace) for trace in runner.rerun(told_apart(stress_input)))
    return {
        site
        for site, finding in group
        if site in reference
        and site in candidate
        and reference[site].shape == candidate[site].shape
        and _agrees(reference[site], candidate[site], finding)
    }


def _agrees(reference: Array, candidate: Array, finding: Finding) -> bool:
    allowed = K * finding.noise * magnitude(reference)
    return distance(reference, candidate) <= allowed
