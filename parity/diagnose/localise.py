"""Where the first divergence lies, and whether an experiment confirms it."""

from __future__ import annotations

from collections.abc import Sequence

from parity.base.numerics import Array, distance, is_float, magnitude
from parity.compare.modules import PairRunner
from parity.limits import FLOAT32_EPSILON, K
from parity.report.finding import Finding
from parity.trace.sites import Boundary, Segment, Tap, TensorSite
from parity.trace.trace import Trace
from parity.trace.values import tensor_sites
from parity.verdict import is_rounding


def confirm(
    findings: Sequence[tuple[TensorSite, Finding]], position: int, runner: PairRunner
) -> bool:
    """Tell whether a causal experiment confirms the fault at a position.

    The isolated run has injected the reference's tensor before every tap already: a module that
    fails there fails by itself. Left to show is that nothing else is at fault: with the reference's
    tensor injected after every fault, everything later passes in a run in one piece. For a
    gradient, isolated on both sides by construction: that it fails again with other cotangents.
    """
    site, finding = findings[position]
    if site.phase == "backward":
        return _fails_again(site, finding, runner)
    return _nothing_else_differs(_faulty_taps(findings), runner)


def segment(site: TensorSite, teacher: Trace) -> Segment | None:
    """Return the code between two module boundaries where a fault lies that is in no module."""
    tap = site.tap
    if tap is None or tap not in teacher.before:
        return None
    if site.phase == "forward":
        before = teacher.before[tap]
        inside = tap.port == "output" and before == Boundary("input", tap.path)
        return None if inside else Segment(before, Boundary(tap.port, tap.path))
    if tap.port == "input":
        return None
    output = Boundary("output", tap.path)
    readers = [Boundary(t.port, t.path) for t, before in teacher.before.items() if before == output]
    return Segment(output, next(iter(readers), Boundary("end")))


def _faulty_taps(findings: Sequence[tuple[TensorSite, Finding]]) -> list[Tap]:
    return [
        site.tap
        for site, finding in findings
        if site.tap is not None
        and site.phase == "forward"
        and site.scope == "isolated"
        and finding.is_fault
    ]


def _nothing_else_differs(faulty: Sequence[Tap], runner: PairRunner) -> bool:
    reference64 = runner.observe(runner.reference, "float64", {}, Trace())
    reference32 = runner.observe(runner.reference, "float32", {}, reference64)
    inject = {tap: reference64.recorded[tap] for tap in faulty if tap in reference64.recorded}
    candidate64 = runner.observe(runner.candidate, "float64", inject, reference64)
    candidate32 = runner.observe(runner.candidate, "float32", inject, reference64)
    return all(
        _agrees(
            reference64.recorded[tap],
            candidate64.recorded[tap],
            reference32.recorded.get(tap),
            candidate32.recorded.get(tap),
        )
        for tap in reference64.recorded
        if tap not in inject and tap in candidate64.recorded
    )


def _agrees(
    reference64: Array, candidate64: Array, reference32: Array | None, candidate32: Array | None
) -> bool:
    if candidate64.size != reference64.size:
        return False
    candidate64 = candidate64.reshape(reference64.shape)
    if not is_float(reference64):
        return bool((candidate64 == reference64).all())
    noise = FLOAT32_EPSILON * magnitude(reference64)
    for exact, rounded in ((reference64, reference32), (candidate64, candidate32)):
        if rounded is not None and rounded.size == exact.size:
            noise = max(noise, distance(rounded.reshape(exact.shape), exact))
    return is_rounding(distance(candidate64, reference64), noise)


def _fails_again(site: TensorSite, finding: Finding, runner: PairRunner) -> bool:
    reference, candidate = (
        tensor_sites(trace).get(site) for trace in runner.rerun("plain", seed=runner.seed + 1)
    )
    if reference is None or candidate is None or reference.shape != candidate.shape:
        return True
    return not distance(reference, candidate) <= K * finding.noise * magnitude(reference)
