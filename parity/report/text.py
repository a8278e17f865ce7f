"""A report as lines of text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from parity.diagnose.next_steps import advice
from parity.report.coverage import Coverage
from parity.report.faults import Fault
from parity.report.finding import Finding
from parity.report.outcome import Outcome
from parity.report.wording import counted, difference_text, segment_name
from parity.verdict import Verdict

NEIGHBOURS = 2
# Further faults that are listed.
LISTED = 10
# Relative error from which digits say nothing.
HUGE = 1e12


def describe(report: Outcome) -> str:
    """Return the complete text: verdict, notes, first location, its neighbours, what to do."""
    lines = [headline(report), *(f"  note: {note}" for note in report.notes)]
    faults = report.faults
    first = faults[0].first if faults else _weakest(report)
    if first is not None:
        lines += _location(first, len(faults) - 1) + _surroundings(report, first)
        lines.append(f"  what to do: {advice(first)}")
        lines += _others(faults[1:])
    lines += [f"  coverage: {line}" for line in coverage_lines(report.coverage)]
    lines += [f"  parameters: {line}" for line in _parameters(report)]
    lines.append("  compared: " + _counts(report))
    return "\n".join(lines)


def headline(report: Outcome) -> str:
    """Return the verdict in one line."""
    outcome = "agree" if report.passed else "DISAGREE"
    meaning = report.verdict.value if report.findings else "nothing was compared"
    return f"{report.pair}: {outcome} ({report.verdict.name}: {meaning})"


def strict_note(report: Outcome) -> str:
    """Return why a report that passes fails under `--strict`; empty if it passes there too."""
    if report.passed and not report.passes(strict=True):
        return f"{report.pair}: fails under --strict, because one side loses digits"
    return ""


def summary_lines(reports: Sequence[Outcome]) -> list[str]:
    """Return one line for each report, and one more with the first tensor that does not pass."""
    lines = []
    for report in reports:
        lines.append(f"{headline(report)} in {report.seconds:.1f} s")
        first = report.first_divergence
        if first is not None:
            lines.append(f"    at {where(first)}: {first.verdict.name}, {amount(first)}")
    return lines


def where(finding: Finding) -> str:
    """Return where a finding is, as `path, phase: tensor`."""
    itself = "the training loop" if finding.scope == "loop" else "the model itself"
    return f"{finding.path or itself}, {finding.phase}: {finding.tensor}"


def amount(finding: Finding) -> str:
    """Return error and noise in the same unit, the reference's largest value there."""
    if math.isnan(finding.error) or math.isinf(finding.error):
        return finding.reason
    text = f"error {_short(finding.error)}, noise {_short(finding.noise)}"
    return f"{text}; {finding.reason}" if finding.reason else text


def _short(number: float) -> str:
    """Return a relative error; what is larger than any is said so."""
    return f"{number:.2e}" if number < HUGE else f"more than {HUGE:.0e} times the value"


def _weakest(report: Outcome) -> Finding | None:
    weak = [f for f in report.findings if f.verdict is Verdict.NUMERICALLY_WEAKER]
    return weak[0] if weak else None


def _others(faults: Sequence[Fault]) -> list[str]:
    """Return a line for each further fault."""
    if not faults:
        return []
    lines = [f"  {counted(len(faults), 'more independent fault')}:"]
    for fault in faults[:LISTED]:
        tensors = f" ({counted(len(fault.findings), 'tensor')})" if len(fault.findings) > 1 else ""
        lines.append(
            f"     {where(fault.first)}{tensors}: {fault.first.verdict.name}, {amount(fault.first)}"
        )
        if fault.first.segment is not None:
            lines.append(f"        in the code between {segment_name(fault.first.segment)}")
        if fault.first.hint:
            lines.append(f"        likely: {fault.first.hint}")
    hidden = len(faults) - LISTED
    return [*lines, f"     and {hidden} more"] if hidden > 0 else lines


def _confirmed(finding: Finding, others: int) -> str:
    if not finding.confirmed:
        return "not confirmed: something else disagrees as well"
    if finding.phase != "forward":
        return "confirmed: it fails again with other output gradients"
    injected = "tensor" if not others else "tensors"
    after = "it" if not others else f"it and after {counted(others, 'other fault')}"
    return f"confirmed: with the reference's {injected} injected after {after}, everything agrees"


def _location(finding: Finding, others: int) -> list[str]:
    amounts = f"     {amount(finding)}"
    if finding.stress_input not in (None, "plain"):
        amounts += f"; stress input: {finding.stress_input}"
    if finding.scope == "step":
        amounts += f"; step {finding.step}"
    lines = [f"  at {where(finding)}", amounts]
    if finding.difference is not None:
        lines.append(f"     differs in {difference_text(finding.difference)}")
    if finding.modules is not None:
        lines += [
            f"     {side}: {text}"
            for side, text in zip(("reference", "candidate"), finding.modules, strict=True)
        ]
    if finding.segment is not None:
        lines.append(f"     in the code between {segment_name(finding.segment)}")
    if finding.confirmed is not None:
        lines.append(f"     {_confirmed(finding, others)}")
    if finding.hint:
        lines.append(f"     likely: {finding.hint}")
    return lines


def _surroundings(report: Outcome, finding: Finding) -> list[str]:
    same = [f for f in report.findings if f.phase == finding.phase]
    at = same.index(finding)
    shown = same[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]
    width = max(len(where(f)) for f in shown)
    lines = [
        f"   {'>' if f is finding else ' '} {where(f):<{width}}  {f.verdict.name:<19}  {amount(f)}"
        for f in shown
    ]
    given = finding.scope == "isolated"
    heading = "in order, each given the reference's own input" if given else "in order"
    return [f"  {heading}:", *lines]


def coverage_lines(coverage: Coverage) -> list[str]:
    """Return what the comparison does not cover, a line for each kind; none if all is covered."""
    lines = []
    if coverage.outputs and not coverage.parameters:
        lines.append("the pair has no parameters whose gradients could be compared")
    missing = coverage.without_gradient
    if missing:
        lines.append(
            f"{len(missing)} of {counted(coverage.parameters, 'parameter')} got no gradient: "
            + _listed(missing)
        )
    if coverage.fixed_outputs:
        named = [label or "the output" for label in coverage.fixed_outputs]
        lines.append(
            f"{len(named)} of {counted(coverage.outputs, 'output')} stayed the same whatever "
            f"inputs and weights are: {_listed(named)}"
        )
    if coverage.fixed:
        places = _listed([where(finding) for finding in coverage.fixed])
        lines.append(
            f"{len(coverage.fixed)} of {counted(coverage.tensors, 'tensor')} between modules "
            f"stayed the same whatever inputs and weights are: {places}"
        )
    return lines


def _listed(names: Sequence[str]) -> str:
    shown = "; ".join(names[: NEIGHBOURS + 1])
    return shown + ("; …" if len(names) > NEIGHBOURS + 1 else "")


def _parameters(report: Outcome) -> list[str]:
    """Return a line with the number of parameters of both sides; none if there are no modules."""
    if not report.parameters:
        return []
    reference, candidate = (report.parameters[side] for side in ("reference", "candidate"))
    if reference == candidate:
        return [f"{reference:,} on both sides"]
    return [f"{reference:,} in the reference, {candidate:,} in the candidate"]


def _counts(report: Outcome) -> str:
    verdicts = ", ".join(f"{number} {name}" for name, number in report.counts.items())
    return f"{len(report.findings)} tensors ({verdicts}) in {report.seconds:.1f} s"
