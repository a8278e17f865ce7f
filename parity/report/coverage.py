"""The share of a pair that was compared, from its findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parity.report.finding import Finding


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The part that a comparison covers. Agreement says nothing about the rest.

    Attributes:
        outputs: number of the model's outputs that were compared, end to end.
        fixed_outputs: labels of those that stay the same whatever inputs and weights are.
        parameters: number of parameters whose gradients were compared, end to end.
        without_gradient: paths of those that the outputs, or the loss, do not depend on.
        tensors: number of tensors compared between modules.
        fixed: those that stay the same whatever inputs and weights are, such as tables.
    """

    outputs: int
    fixed_outputs: list[str]
    parameters: int
    without_gradient: list[str]
    tensors: int
    fixed: list[Finding]


def coverage_of(findings: Iterable[Finding]) -> Coverage:
    """Return what a comparison's findings cover."""
    outputs, parameters, tensors = [], [], []
    for finding in findings:
        if finding.quantity == "parameter_gradient" and finding.scope == "end_to_end":
            parameters.append(finding)
        elif finding.phase in ("forward", "loss") and finding.scope == "end_to_end":
            outputs.append(finding)
        elif finding.phase == "forward" and finding.scope == "isolated":
            tensors.append(finding)
    return Coverage(
        outputs=len(outputs),
        fixed_outputs=[f.label for f in outputs if not f.varies],
        parameters=len(parameters),
        without_gradient=[f.own_path for f in parameters if f.scale == 0],
        tensors=len(tensors),
        fixed=[finding for finding in tensors if not finding.varies],
    )
