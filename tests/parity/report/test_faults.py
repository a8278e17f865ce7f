"""Findings that do not pass, grouped into the things that have to be fixed."""

from __future__ import annotations

from typing import Any

from parity import Finding, Verdict
from parity.report.faults import FaultKind, independent_faults
from parity.trace.sites import Boundary, Segment
from parity.verdict import Cause


def failing(path: str, **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "phase": "forward", "verdict": Verdict.SEMANTIC_DIFFERENCE, "error": 1.0, "noise": 0.0,
        "stress_input": "plain", "owner": path, **fields,
    }  # fmt: skip
    return Finding(path=path, **values)


def paths(*findings: Finding) -> list[list[str]]:
    return [[f.path for f in fault.findings] for fault in independent_faults(findings)]


def test_what_passes_is_no_fault() -> None:
    assert independent_faults([failing("a", verdict=v) for v in Verdict if v.passes()]) == []
    allowed = failing("a", verdict=Verdict.ABSTAIN, allowance="it is random")
    accepted = failing("a", known="subgradient", allowance="no ties")
    assert independent_faults([allowed, accepted]) == []


def test_modules_that_fail_are_faults_of_their_own_forward_and_backward_together() -> None:
    a, b = failing("a"), failing("b")
    back_b, back_a = failing("b", phase="backward"), failing("a", phase="backward")
    weight = failing("a", phase="backward", quantity="parameter_gradient")
    assert paths(a, b, back_b, back_a, weight) == [["a", "a", "a"], ["b", "b"]]


def test_a_module_that_is_wrong_backward_alone_is_one_fault() -> None:
    assert paths(failing("a", phase="backward"), failing("a", phase="backward")) == [["a", "a"]]


def test_gradients_inside_a_module_that_is_not_watched_belong_to_the_one_around_it() -> None:
    inner = failing("a.norm", phase="backward", quantity="parameter_gradient")
    assert paths(failing("a", owner="a"), inner) == [["a", "a.norm"]]
    watched = failing("a.norm", verdict=Verdict.IDENTICAL, owner="a.norm")
    assert paths(failing("a", owner="a"), watched, inner) == [["a"], ["a.norm"]]


def test_each_segment_between_modules_is_a_fault_of_its_own() -> None:
    def between(before: str, after: str) -> Finding:
        return failing("", segment=Segment(Boundary("output", before), Boundary("input", after)))

    assert paths(between("a", "b"), between("a", "c"), between("d", "e")) == [["", ""], [""]]


def test_what_runs_end_to_end_show_is_a_consequence_of_any_other_fault() -> None:
    end_to_end, run = (
        failing("", scope="end_to_end", stress_input=None),
        failing("", scope="free_run"),
    )
    assert paths(failing("a"), end_to_end, run) == [["a"]]
    assert paths(failing("a", scope="built", stress_input=None), end_to_end) == [["a"]]
    assert len(independent_faults([end_to_end])) == 1


def test_a_fault_of_unusual_inputs_does_not_explain_ordinary_ones() -> None:
    end_to_end = failing("", scope="end_to_end", stress_input=None)
    assert paths(failing("a", stress_input="zeros"), end_to_end) == [["a"], [""]]
    assert paths(failing("a", verdict=Verdict.ABSTAIN), end_to_end) == [[""], ["a"]]


def test_faults_are_listed_in_the_order_in_which_to_fix_them() -> None:
    unjudged = failing("a", verdict=Verdict.ABSTAIN)
    extreme = failing("b", stress_input="beyond float16")
    known = failing("c", known="subgradient"), failing("d", known="subgradient")
    function, structure = failing("e"), failing("f", verdict=Verdict.ERROR, cause=Cause.SHAPE)
    faults = independent_faults([unjudged, extreme, *known, function, structure])
    assert [fault.kind for fault in faults] == list(FaultKind)
    assert [fault.first.path for fault in faults] == ["f", "e", "c", "b", "a"]
    assert len(faults[2].findings) == 2


def test_an_optimizers_parameters_are_one_fault() -> None:
    steps = [failing(p, phase="optimizer", scope="step", group="weights") for p in ("a", "b")]
    assert paths(*steps) == [["a", "b"]]
