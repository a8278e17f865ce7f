"""Which finding is the first divergence, and whether causes agree with what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity.base.numerics import Array, distance, is_float, magnitude
from parity.compare.modules import PairRunner
from parity.diagnose.hints import hint
from parity.report.finding import Finding
from parity.trace.recorder import Tap, Trace
from parity.trace.sites import TensorSite, tensor_sites
from parity.verdict import FLOAT32_EPSILON, PRECISION_RATIO, Judgement, K, Verdict

FAULTS = (Verdict.SEMANTIC_DIFFERENCE, Verdict.ERROR)


def confirm(
    findings: Sequence[tuple[TensorSite | None, Finding]], runner: PairRunner
) -> list[Finding]:
    """Return the findings with the first divergence confirmed, or not, by a causal experiment.

    The reference's tensor has been injected before every place already, that is what a cut run is;
    a place that fails there fails by itself. What is left to show is that nothing else is at fault:
    with the reference's tensor injected after it, everything later passes in an uncut run. For a
    gradient, cut off on both sides by construction, that it fails again under other cotangents.
    """
    result = [finding for _, finding in findings]
    faults = [i for i, (_, finding) in enumerate(findings) if finding.verdict in FAULTS]
    if not faults:
        return result
    site, first = findings[faults[0]]
    if site is None or "end to end" in first.tensor:
        return result
    if site.phase == "backward":
        confirmed = _fails_again(site, first, runner)
    else:
        confirmed = _is_alone(_faulty_taps(findings), runner)
    teacher, other = runner.rerun(first.stress_input)
    result[faults[0]] = replace(
        first,
        confirmed=confirmed,
        gap=gap(site, teacher),
        hint=hint(site, runner, teacher, other),
    )
    return result


def gap(site: TensorSite, teacher: Trace) -> str:
    """Say between which two taps a fault lies that is in no module, but in code between modules."""
    tap = site.tap
    if tap is None:
        return ""
    own = tap.path or "the model"
    if site.phase == "forward":
        inside = tap.port == "output" and teacher.between[tap] == f"input of {own}"
        return "" if inside else f"{teacher.between[tap]} and {tap.port} of {own}"
    if tap.port == "input":
        return ""
    after = [other for other in teacher.between if teacher.between[other] == f"output of {own}"]
    reader = next((f"{t.port} of {t.path or 'the model'}" for t in after), "the end")
    return f"output of {own} and {reader}"


def _faulty_taps(findings: Sequence[tuple[TensorSite | None, Finding]]) -> list[Tap]:
    return [
        site.tap
        for site, finding in findings
        if site and site.tap and site.phase == "forward" and finding.verdict in FAULTS
        if "end to end" not in finding.tensor
    ]


def _is_alone(faulty: Sequence[Tap], runner: PairRunner) -> bool:
    nothing = Trace()
    double = runner.observe(runner.reference, "float64", {}, nothing)
    single = runner.observe(runner.reference, "float32", {}, double)
    inject = {tap: double.arrived[tap] for tap in faulty if tap in double.arrived}
    mended = runner.observe(runner.candidate, "float64", inject, double)
    rounded = runner.observe(runner.candidate, "float32", inject, double)
    return all(
        _agrees(double.arrived[tap], *(t.arrived.get(tap) for t in (mended, single, rounded)))
        for tap in double.arrived
        if tap not in inject and tap in mended.arrived
    )


def _agrees(expected: Array, found: Array | None, *rounded: Array | None) -> bool:
    if found is None or found.size != expected.size:
        return False
    found = found.reshape(expected.shape)
    if not is_float(expected):
        return bool((found == expected).all())
    noise = FLOAT32_EPSILON * magnitude(expected)
    for exact, array in zip((expected, found), rounded, strict=True):
        if array is not None and array.size == exact.size:
            noise = max(noise, distance(array.reshape(exact.shape), exact))
    return distance(found, expected) <= K * PRECISION_RATIO * noise


def _fails_again(site: TensorSite, finding: Finding, runner: PairRunner) -> bool:
    a, b = (tensor_sites(trace).get(site) for trace in runner.rerun("plain", seed=runner.seed + 1))
    if a is None or b is None or a.shape != b.shape:
        return True
    return not distance(a, b) <= K * finding.noise * magnitude(a)


def finding_of(
    site: TensorSite, stress_input: str, judgement: Judgement, allow: Mapping[str, str]
) -> Finding:
    """Turn a judged place into a finding; an allowed path carries its reason along."""
    allowed = site.path in allow and judgement.verdict is Verdict.ABSTAIN
    reason = judgement.reason
    return Finding(
        path=site.path,
        phase=site.phase,
        verdict=judgement.verdict,
        error=judgement.error,
        noise=judgement.noise,
        tensor=site.tensor,
        stress_input=stress_input,
        reason=f"{reason}; allowed: {allow[site.path]}" if allowed else reason,
        allowed=allowed,
    )
