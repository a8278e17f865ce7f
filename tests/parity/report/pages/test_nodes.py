"""Every finding is at its module once; only blocks that are alike and pass are folded."""

from __future__ import annotations

from parity import Finding, Report, Verdict
from parity.report.pages.nodes import Node, folded, tree_of
from parity.structure.module_pairs import ModulePair, ModuleSide


def finding(path: str, verdict: Verdict = Verdict.IDENTICAL) -> Finding:
    return Finding(path=path, phase="forward", verdict=verdict, error=0.5, noise=1e-7)


def module(path: str, kind: str = "Block", size: int = 3) -> ModulePair:
    side = ModuleSide(path, kind, size)
    return ModulePair(side, side)


def report(*findings: Finding, modules: tuple[ModulePair, ...] = ()) -> Report:
    return Report(pair="p", findings=findings, modules=modules)


def runs(node: Node) -> list[list[str]]:
    return [[child.name for child in run] for run in folded(node.children)]


def inside(node: Node) -> list[Node]:
    return [node, *(found for child in node.children for found in inside(child))]


def layers(*failing: int, other: int | None = None) -> Node:
    modules = [module(f"layers.{i}", size=9 if i == other else 3) for i in range(6)]
    findings = [
        finding(f"layers.{i}", Verdict.ERROR if i in failing else Verdict.IDENTICAL)
        for i in range(6)
    ]
    root = tree_of(report(*findings, modules=(module(""), module("layers"), *modules)))
    return root.children[0]


def test_blocks_that_are_alike_and_pass_are_one_run() -> None:
    assert runs(layers()) == [["0", "1", "2", "3", "4", "5"]]


def test_a_block_that_fails_or_is_otherwise_stands_apart() -> None:
    apart = [["0", "1"], ["2"], ["3", "4", "5"]]
    assert runs(layers(2)) == apart
    assert runs(layers(other=2)) == apart
    assert runs(layers(2, 3)) == [["0", "1"], ["2"], ["3"], ["4", "5"]]


def test_what_has_a_name_of_its_own_is_not_folded() -> None:
    modules = (module(""), module("q"), module("k"), module("0"), module("2"))
    assert runs(tree_of(report(modules=modules))) == [["q"], ["k"], ["0"], ["2"]]


def test_blocks_with_other_contents_are_not_alike() -> None:
    modules = (module(""), module("0"), module("0.a"), module("1"), module("1.b"))
    assert runs(tree_of(report(modules=modules))) == [["0"], ["1"]]


def test_every_finding_is_reached_once() -> None:
    findings = [finding(path) for path in ("", "a.b.c", "a", "gone.x", "a.b.c")]
    root = tree_of(report(*findings, modules=(module(""), module("a"), module("a.b"))))
    numbered = [item for node in inside(root) for item in node.findings]
    assert sorted(numbered, key=lambda item: item[0]) == list(enumerate(findings))
    assert [child.path for child in root.children] == ["a", "gone"]


def test_a_module_of_one_side_is_in_the_module_around_it() -> None:
    own = ModuleSide("body", "B", 0)
    pairs = (
        module(""),
        ModulePair(own, ModuleSide("trunk", "B", 0)),
        ModulePair(None, ModuleSide("trunk.extra", "E", 0)),
    )
    (body,) = tree_of(report(modules=pairs)).children
    (extra,) = body.children
    assert (extra.path, extra.pair.reference, extra.name) == ("trunk.extra", None, "extra")


def test_the_worst_finding_is_one_that_fails() -> None:
    known = Finding(
        path="a", phase="forward", verdict=Verdict.SEMANTIC_DIFFERENCE, error=9.0, noise=0.0,
        known="ties", allowance="a reason",
    )  # fmt: skip
    root = tree_of(report(known, finding("a", Verdict.WITHIN_NOISE)))
    assert not root.fails
    root = tree_of(report(known, bad := finding("b", Verdict.SEMANTIC_DIFFERENCE)))
    assert root.worst is bad
