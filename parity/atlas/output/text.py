"""Makes sentences of findings: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parity.atlas.cases import ORDINARY
from parity.atlas.finding import AtlasCause, ComparedTensor, Finding
from parity.atlas.results import Atlas
from parity.verdict import Verdict


def _both(what: str) -> Callable[[Finding], str]:
    return lambda f: f"{what} {f.candidate} in Jittor, {f.reference} in PyTorch"


def _values(f: Finding) -> str:
    if not f.reference:
        return ""  # the size of the difference says it
    return f"{f.candidate} in Jittor, {f.reference} in PyTorch"


def _special_values(f: Finding) -> str:
    where = ", in float32 only" if f.float32_only else ""
    return f"{f.candidate} where PyTorch has {f.reference}{where}"


def _exception(f: Finding) -> str:
    if f.reference and f.candidate:
        return f"both raise; PyTorch: {f.reference}; Jittor: {f.candidate}"
    if f.reference:
        return f"PyTorch raises {f.reference}; Jittor returns a value"
    return f"Jittor raises {f.candidate}; PyTorch returns a value"


_CAUSES: dict[AtlasCause, Callable[[Finding], str]] = {
    AtlasCause.AGREEMENT: lambda f: "",
    AtlasCause.VALUES: _values,
    AtlasCause.ONLY_FLOAT64: lambda f: "in float64 only; float32 agrees",
    AtlasCause.BELOW_FLOAT32: lambda f: "below the resolution of float32",
    AtlasCause.CANDIDATE_LESS_ACCURATE: lambda f: "Jittor loses digits",
    AtlasCause.REFERENCE_LESS_ACCURATE: lambda f: "PyTorch loses digits",
    AtlasCause.CANCELLATION: lambda f: "Jittor loses digits to larger intermediate numbers",
    AtlasCause.REFERENCE_INACCURATE: lambda f: (
        "PyTorch in float32 is as far from PyTorch in float64"
    ),
    AtlasCause.SPECIAL_VALUES: _special_values,
    AtlasCause.SHAPE: _both("shape"),
    AtlasCause.DTYPE: _both("dtype"),
    AtlasCause.OUTPUT_COUNT: lambda f: f"{f.candidate} tensors in Jittor, {f.reference} in PyTorch",
    AtlasCause.EXCEPTION: _exception,
    AtlasCause.DISTRIBUTION: lambda f: f"PyTorch: {f.reference}; Jittor: {f.candidate}",
    AtlasCause.CRASH: lambda f: f.candidate,
}


def summary(atlas: Atlas) -> str:
    """Return one line for each entry that does not pass, and the counts, for a terminal."""
    rows = [
        f"{entry.group}: {entry.name}: {headline(entry.findings[0])}"
        for entry in atlas.entries
        if entry.findings
    ]
    counts = ", ".join(
        f"{sum(entry.verdict == v.name for entry in atlas.entries)} {v.name}" for v in Verdict
    )
    return "\n".join([*rows, f"{len(atlas.entries)} entries: {counts}"])


def headline(finding: Finding, quote: str = "") -> str:
    """Return the verdict, the tensor and case, and the description, on one line."""
    verdict = f"{quote}{finding.verdict.name}{quote}"
    location = ", ".join(filter(None, (tensor_name(finding.tensor), case_name(finding.case))))
    text = description(finding)
    return f"{verdict}{f' ({location})' if location else ''}{f': {text}' if text else ''}"


def description(finding: Finding) -> str:
    """Return the size of a difference and its cause, as one sentence without a full stop."""
    parts = []
    if finding.error is not None:
        parts.append(f"difference {finding.error:.2g}, noise {finding.noise or 0:.2g}")
    if text := _CAUSES[finding.cause](finding):
        parts.append(text)
    return "; ".join(parts)


def other_findings(findings: Sequence[Finding]) -> str:
    """Return further findings by verdict: their cases and tensors."""
    by_verdict: dict[str, list[str]] = {}
    for finding in findings:
        tensor = tensor_name(finding.tensor)
        text = f"{finding.case}{f' ({tensor})' if tensor else ''}"
        by_verdict.setdefault(finding.verdict.name, []).append(text)
    return "; ".join(f"`{verdict}` for {', '.join(cases)}" for verdict, cases in by_verdict.items())


def tensor_name(tensor: ComparedTensor) -> str:
    """Return a name for a tensor, empty where an entry has one output or value."""
    if tensor.quantity == "gradient":
        return f"gradient with respect to {tensor.label}"
    return f"{tensor.quantity} {tensor.label}" if tensor.label else ""


def case_name(case: str) -> str:
    """Return a name for an input case, empty for ordinary input."""
    return "" if case in ("", ORDINARY) else f"case {case}"
