"""Findings and modules as rows that open, the failing ones open from the start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element

from parity.base.difference import Difference
from parity.report.finding import Finding
from parity.report.pages.chart import kind_of, limit_of
from parity.report.pages.elements import add, element
from parity.report.pages.nodes import Node, folded
from parity.report.wording import counted, difference_text, segment_name
from parity.structure.module_pairs import ModulePair, ModuleSide

ROLES = ("reference", "candidate")
# Tensors that pass and are shown in a module that is open.
FEW = 3
# Scopes whose findings stand in a group of their own, as they are many.
_GROUPS = {"end_to_end": "end to end", "step": "steps of training", "free_run": "running free"}
_SOURCES = {"class": "defined", "call": "called function", "built": "made", "used": "used"}


def number(value: float) -> str:
    """Return an error or noise."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:.1e}" if value else "0"


def verdict_mark(finding: Finding) -> Element:
    """Return the verdict, in its colour."""
    text = finding.verdict.name.replace("_", " ").lower()
    return element("span", text, class_=f"mark {kind_of(finding)}")


def finding_row(place: int, finding: Finding, *, is_open: bool = False) -> Element:
    """Return a row of one finding, with all that is known of it inside."""
    summary = element(
        "summary",
        element("span", finding.tensor, class_="name"),
        element("span", finding.phase, class_="phase"),
        element("span", number(finding.error), class_="number", title="error"),
        verdict_mark(finding),
    )
    row = element(
        "details", summary, finding_facts(finding), class_="finding", id=f"f{place}",
        data_verdict=finding.verdict.name, data_phase=finding.phase, data_kind=kind_of(finding),
        open="" if is_open else None,
    )  # fmt: skip
    return row


def finding_facts(finding: Finding) -> Element:
    """Return what is known of a finding beside its name and verdict, as a list of facts."""
    sides = zip(ROLES, finding.modules or (), strict=False)
    facts = [
        ("error", f"{number(finding.error)}, limit {number(limit_of(finding))}"),
        ("why", finding.reason),
        ("precision", finding.precision),
        ("stress input", finding.stress_input or ""),
        *sides,
        ("between", "" if finding.segment is None else segment_name(finding.segment)),
        ("likely", finding.hint),
    ]
    facts = [(name, text) for name, text in facts if text]
    inside = element("div", class_="facts")
    made = element("dl")
    for name, text in facts:
        add(made, element("dt", name), element("dd", text))
    add(inside, made)
    if finding.difference is not None:
        add(inside, element("p", f"Differs in {difference_text(finding.difference)}."))
        add(inside, profiles(finding.difference))
    return inside


def profiles(difference: Difference) -> Element:
    """Return a small drawing for each axis: how much differs along it."""
    strips = element("div", class_="strips")
    for place, (axis, size) in enumerate(zip(difference.axes, difference.shape, strict=True)):
        if size < 2:
            continue
        bars = element("span", class_="bars", role="img",
                       aria_label=f"share that differs along axis {place}")  # fmt: skip
        for part, share in enumerate(axis.profile):
            first, last = _part(part, len(axis.profile), size)
            which = f"index {first}" if first == last else f"indices {first} to {last}"
            height = max(8, round(100 * share)) if share else 0
            bars.append(element("i", title=f"{which}: {share:.3g}", style=f"height:{height}%"))
        strips.append(element("span", bars, f"axis {place}, {size:,}", class_="strip"))
    return strips


def _part(number: int, parts: int, size: int) -> tuple[int, int]:
    """Return the first and last index of a part, as `numpy.array_split` makes it."""
    width, more = divmod(size, parts)
    first = number * width + min(number, more)
    return first, first + width + (number < more) - 1


def sources(pair: ModulePair) -> Element | None:
    """Return the user's code of both sides next to each other; None if there is none."""
    if not any(side and side.source for side in pair):
        return None
    return element(
        "div", *(_source(role, side) for role, side in zip(ROLES, pair, strict=True)),
        class_="sources",
    )  # fmt: skip


def _source(role: str, side: ModuleSide | None) -> Element:
    made = element("div", element("h4", role))
    for lines in side.source if side else ():
        place = element("code", f"{lines.file}:{lines.line}")
        add(made, element("p", f"{_SOURCES[lines.kind]} in ", place), element("pre", lines.text))
    if side is None or not side.source:
        add(made, element("p", "no source of the user's here"))
    return made


def tree(root: Node) -> Element:
    """Return the whole tree, open where something fails."""
    head = element(
        "div", *(element("span", text) for text in ("reference", "candidate")),
        element("span", "parameters", class_="number"),
        element("span", "worst error", class_="number"), element("span", "worst verdict"),
        class_="head", aria_hidden="true",
    )  # fmt: skip
    return element("div", head, _module(root, 0), class_="tree", id="tree")


def _module(node: Node, depth: int) -> Element:
    fails = node.fails
    own = [(n, f) for n, f in node.findings if f.scope not in _GROUPS]
    made = element(
        "details", _summary(node.name or "the model", node, node), class_="node",
        data_path=" ".join({side.path for side in node.pair if side} | {node.path}),
        style=f"--depth:{depth}", open="" if fails or not depth else None,
    )  # fmt: skip
    if any(not f.passes() for _, f in own):
        add(made, sources(node.pair))
    passing = [(n, f) for n, f in own if f.passes()]
    if (fails or not depth) and len(passing) > FEW:
        add(made, *_rows((n, f) for n, f in own if not f.passes()))
        add(made, _group("what passes here", passing))
    else:
        add(made, *_rows(own))
    add(made, *_children(node.children, depth + 1))
    groups = sorted(((n, f) for n, f in node.findings if f.scope in _GROUPS), key=_scope)
    for scope, run in groupby(groups, key=_scope):
        add(made, _group(_GROUPS[scope], list(run)))
    return made


def _children(children: Sequence[Node], depth: int) -> Iterator[Element]:
    for run in folded(children):
        if len(run) == 1:
            yield _module(run[0], depth)
            continue
        name = f"{run[0].name}–{run[-1].name} ×{len(run)}"
        yield element(
            "details", _summary(name, run[0], Node(run[0].path, children=run)),
            *(_module(node, depth + 1) for node in run), class_="node fold",
            style=f"--depth:{depth}",
        )  # fmt: skip


def _summary(name: str, node: Node, counted_node: Node) -> Element:
    reference, candidate = node.pair
    worst = counted_node.worst
    sizes = list(dict.fromkeys(f"{side.parameters:,}" for side in node.pair if side))
    other = element("span", class_="side other")
    if candidate is not None:
        alike = reference is not None and candidate.path == reference.path
        shown = name if alike else candidate.path
        add(other, element("span", shown, class_="name"), " ", element("span", candidate.kind))
        is_same = alike and reference is not None and candidate.kind == reference.kind
        other.set("class", f"side other {'same' if is_same else 'differs'}")
    elif reference is not None:
        add(other, element("span", "not in the candidate", class_="unsure"))
    own = element("span", element("span", name, class_="name"), class_="side")
    if reference is not None:
        add(own, " ", element("span", reference.kind))
    elif candidate is not None:
        own = element("span", element("span", "not in the reference"), class_="side unsure")
    return element(
        "summary", own, other, element("span", " → ".join(sizes), class_="number size"),
        element("span", "" if worst is None else number(worst.error), class_="number"),
        element("span") if worst is None else verdict_mark(worst),
    )  # fmt: skip


def _rows(findings: Iterable[tuple[int, Finding]]) -> list[Element]:
    return [finding_row(n, f, is_open=f.is_fault and not f.passes()) for n, f in findings]


def _group(title: str, findings: list[tuple[int, Finding]]) -> Element:
    worst = Node("", findings=findings).worst
    fails = sum(not f.passes() for _, f in findings)
    text = counted(len(findings), "tensor") + (f", {fails} of them fail" if fails else "")
    name = element("span", element("span", title, class_="name"), f" {text}", class_="side")
    return element(
        "details",
        element("summary", name, verdict_mark(worst) if worst else None),
        *(finding_row(n, f) for n, f in findings), class_="group",
    )  # fmt: skip


def _scope(numbered: tuple[int, Finding]) -> str:
    return numbered[1].scope
