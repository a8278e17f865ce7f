"""A report says what it covers; agreement says nothing about the rest."""

from __future__ import annotations

from typing import Any

from parity import Finding, Verdict
from parity.report.coverage import coverage_of
from parity.report.text import coverage_lines


def finding(quantity: str, label: str = "", **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "path": "", "phase": "forward", "verdict": Verdict.IDENTICAL, "error": 0.0, "noise": 0.0,
        "scope": "end_to_end", "quantity": quantity, "label": label, "scale": 1.0, **fields,
    }  # fmt: skip
    return Finding(**values)


def gradient(label: str, scale: float = 1.0) -> Finding:
    return finding("parameter_gradient", label, phase="backward", owner="l", scale=scale)


def test_nothing_is_said_where_everything_is_covered() -> None:
    covered = coverage_of([finding("output"), gradient("weight"), gradient("bias")])
    assert (covered.outputs, covered.parameters) == (1, 2)
    assert coverage_lines(covered) == []


def test_parameters_without_a_gradient_are_counted_and_named() -> None:
    lines = coverage_lines(
        coverage_of([finding("output"), gradient("weight"), gradient("bias", 0)])
    )
    assert lines == ["1 of 2 parameters got no gradient: l.bias"]


def test_a_pair_without_parameters_says_so() -> None:
    lines = coverage_lines(coverage_of([finding("output")]))
    assert lines == ["the pair has no parameters whose gradients could be compared"]


def test_what_never_changes_is_named() -> None:
    tables = [finding("output", varies=False, scope="isolated", path=p) for p in "abcde"]
    covered = coverage_of([finding("output", "x", varies=False), gradient("weight"), *tables])
    assert coverage_lines(covered) == [
        "1 of 1 output stayed the same whatever inputs and weights are: x",
        "5 of 5 tensors between modules stayed the same whatever inputs and weights are: "
        "a, forward: output; b, forward: output; c, forward: output; …",
    ]
