"""Independent faults: findings that do not pass, grouped by what has to be fixed.

Every module is judged on the reference's own input, so two modules that fail are two faults. What
the same module does forward and backward is one, and what runs end to end show is a consequence of
any other. What to fix first comes first.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from parity.base.stress_inputs import EXTREME_INPUTS
from parity.trace.sites import parent
from parity.verdict import Cause, Verdict

if TYPE_CHECKING:
    from parity.report.finding import Finding


class FaultKind(enum.Enum):
    """Kinds of fault, in the order in which faults are listed."""

    STRUCTURE = "another structure"
    FUNCTION = "another function"
    KNOWN = "a known divergence of the frameworks"
    EXTREME = "only far beyond what models meet"
    UNJUDGED = "cannot be judged"


_STRUCTURAL = {
    Cause.SHAPE,
    Cause.DTYPE,
    Cause.TABLE_SHAPE,
    Cause.OTHER_STRUCTURE,
}
ORDINARY = "plain"
# Kinds of run in which a fault of any part shows.
CONSEQUENCES = ("end_to_end", "free_run")


@dataclass(frozen=True)
class Fault:
    """One thing to fix.

    Attributes:
        kind: what it is about.
        findings: those that it explains, in order of execution; the first stands for it.
    """

    kind: FaultKind
    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """The finding that stands for the fault."""
        return self.findings[0]


def independent_faults(findings: Sequence[Finding]) -> list[Fault]:
    """Group the findings that do not pass.

    Args:
        findings: of one comparison, in order of execution.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    forward: dict[str, tuple[object, ...]] = {}
    watched = {f.owner for f in findings if f.scope == "isolated" and f.quantity == "output"}
    for finding in findings:
        if finding.passes():
            continue
        kind = kind_of(finding)
        key = _key(finding, kind)
        if finding.scope == "isolated" and kind in (FaultKind.STRUCTURE, FaultKind.FUNCTION):
            # What a module does backward is wrong where it is wrong forward.
            path = _watched(finding.path, watched)
            key = forward.setdefault(path, key) if finding.phase == "backward" else key
            forward.setdefault(path, key)
        groups.setdefault(key, []).append(finding)
    faults = [Fault(kind_of(group[0]), tuple(group)) for group in groups.values()]
    if any(_is_cause(f) for fault in faults for f in fault.findings):
        faults = [fault for fault in faults if not _is_consequence(fault.first)]
    return sorted(faults, key=lambda fault: list(FaultKind).index(fault.kind))


def kind_of(finding: Finding) -> FaultKind:
    """Return what a finding that does not pass is about."""
    if finding.verdict is Verdict.ABSTAIN or finding.cause is Cause.NO_OUTPUT:
        return FaultKind.UNJUDGED
    if finding.cause in _STRUCTURAL:
        return FaultKind.STRUCTURE
    if finding.known is not None:
        return FaultKind.KNOWN
    return FaultKind.EXTREME if finding.stress_input in EXTREME_INPUTS else FaultKind.FUNCTION


def _is_cause(finding: Finding) -> bool:
    """Tell whether a finding shows a fault of a part on ordinary inputs."""
    is_local = finding.scope not in CONSEQUENCES and finding.is_fault
    return is_local and finding.stress_input in (None, ORDINARY)


def _is_consequence(finding: Finding) -> bool:
    return finding.scope in CONSEQUENCES and finding.quantity != "structure"


def _watched(path: str, watched: set[str]) -> str:
    """Return the innermost module around a path whose results were compared."""
    while path and path not in watched:
        path = parent(path)
    return path


def _key(finding: Finding, kind: FaultKind) -> tuple[object, ...]:
    if finding.quantity == "structure":
        return finding.quantity, finding.cause
    if kind is FaultKind.KNOWN:
        return kind, finding.known
    if finding.scope in CONSEQUENCES:
        return kind is FaultKind.UNJUDGED, finding.scope
    if finding.scope == "loop":
        return kind, finding.scope, finding.phase
    if finding.scope == "step":
        return kind, finding.scope, finding.phase, finding.group
    # Code between modules may hold several faults, each in a segment of its own.
    before = None if finding.segment is None else finding.segment.before
    return kind, finding.scope, finding.path, before
