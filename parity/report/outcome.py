"""The outcome of one comparison, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from parity.report.coverage import Coverage, coverage_of
from parity.report.faults import Fault, independent_faults
from parity.report.finding import Finding
from parity.structure.module_pairs import ModulePair
from parity.verdict import Verdict

AnyOutcome = TypeVar("AnyOutcome", bound="Outcome")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one comparison.

    Attributes:
        pair: its name.
        findings: one for every compared tensor, in order of execution.
        notes: what a reader should know beside the findings.
        environment: each side's versions and settings.
        seconds: wall time.
        parameters: number of elements of all parameters of `reference` and of `candidate`; empty
            where no modules were compared.
        modules: both module trees, in the reference's order; empty likewise.
    """

    pair: str
    findings: Sequence[Finding]
    notes: Sequence[str] = ()
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    parameters: Mapping[str, int] = field(default_factory=dict)
    modules: Sequence[ModulePair] = ()

    def made_by(self: AnyOutcome, command: str) -> AnyOutcome:
        """Return the outcome with the command that made it, in the environment's `process`."""
        process = {**self.environment.get("process", {}), "command": command}
        return replace(self, environment={**self.environment, "process": process})

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings' verdicts; ERROR where nothing was compared."""
        judged = [f.verdict for f in self.findings if not f.allowed]
        return max(judged, key=lambda v: v.rank, default=Verdict.ERROR)

    @property
    def passed(self) -> bool:
        """Whether the gate lets the pair through."""
        return self.passes()

    def passes(self, *, strict: bool = False) -> bool:
        """Tell whether the gate lets the pair through; nothing compared is not agreement."""
        return bool(self.findings) and all(f.passes(strict=strict) for f in self.findings)

    @property
    def first_divergence(self) -> Finding | None:
        """The finding that stands for the first fault, or None."""
        return next((fault.first for fault in self.faults), None)

    @property
    def faults(self) -> list[Fault]:
        """The independent faults, in the order in which to fix them."""
        return independent_faults(self.findings)

    @property
    def coverage(self) -> Coverage:
        """The share of the pair that was compared."""
        return coverage_of(self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Number of tensors by the name of their verdict, worst last."""
        counted = Counter(finding.verdict for finding in self.findings)
        return {verdict.name: counted[verdict] for verdict in Verdict if counted[verdict]}
