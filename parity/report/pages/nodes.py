"""The module tree of a report as data: every finding at its module, repeated blocks folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any

from parity.report.finding import Finding
from parity.report.outcome import Outcome
from parity.structure.module_pairs import ModulePair
from parity.trace.sites import parent
from parity.verdict import Verdict

NOTHING = ModulePair(None, None)


@dataclass
class Node:
    """A module, of one side or of both; complete before its worst finding is asked for.

    Attributes:
        path: in the reference, or in the candidate if it has no partner.
        pair: what is known of both sides.
        findings: numbers and findings for which the module answers.
        children: the modules in it.
    """

    path: str
    pair: ModulePair = NOTHING
    findings: list[tuple[int, Finding]] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]

    @cached_property
    def fails(self) -> bool:
        """Whether a finding of it, or of a module in it, does not pass."""
        own = any(not finding.passes() for _, finding in self.findings)
        return own or any(child.fails for child in self.children)

    @cached_property
    def worst(self) -> Finding | None:
        """The finding with the worst verdict, and of those the largest error."""
        inside = [child.worst for child in self.children]
        own = [finding for _, finding in self.findings]
        found = [*own, *(finding for finding in inside if finding is not None)]
        return max(found, key=_badness, default=None)

    def form(self) -> tuple[Any, ...]:
        """Return what nodes that may be folded have in common."""
        sides = tuple(side and (side.kind, side.parameters) for side in self.pair)
        return sides, tuple((child.name, child.form()) for child in self.children)


def tree_of(report: Outcome) -> Node:
    """Return the model itself, with all modules in it and every finding once."""
    nodes: dict[str, Node] = {}
    by_candidate: dict[str, Node] = {}
    root = _node("", nodes)
    for pair in report.modules:
        if pair.reference is not None:
            node = _node(pair.reference.path, nodes)
            node.pair = pair
            if pair.candidate is not None:
                by_candidate[pair.candidate.path] = node
    for pair in report.modules:
        if pair.reference is None and pair.candidate is not None:
            path = pair.candidate.path
            node = by_candidate[path] = Node(path, pair)
            by_candidate.get(parent(path), root).children.append(node)
    for number, finding in enumerate(report.findings):
        _node(finding.path, nodes).findings.append((number, finding))
    return root


def folded(children: Sequence[Node]) -> list[list[Node]]:
    """Return runs of neighbours with numbers for names that are alike and all pass."""

    def key(numbered: tuple[int, Node]) -> object:
        place, node = numbered
        if not node.name.isdecimal() or node.fails:
            return place
        return node.form(), int(node.name) - place

    return [[node for _, node in run] for _, run in groupby(enumerate(children), key)]


def _node(path: str, nodes: dict[str, Node]) -> Node:
    if path not in nodes:
        nodes[path] = Node(path)
        if path:
            _node(parent(path), nodes).children.append(nodes[path])
    return nodes[path]


def _badness(finding: Finding) -> tuple[bool, int, float]:
    verdict = Verdict.IDENTICAL if finding.allowed else finding.verdict
    return not finding.passes(), verdict.rank, finding.error if finding.error >= 0 else -1.0
