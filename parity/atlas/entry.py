"""Defines an entry of the atlas: one operation, written once for each framework."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["numeric", "rule", "random"]
Domain = Literal["real", "positive", "unit", "weight", "index"]


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """Specifies how one input is drawn.

    Attributes:
        shape: the shape of the array.
        domain: `real`, `positive` or `unit` (between 0 and 1): the values depend on the input case;
            `weight`: real numbers, the same in every case; `index`: integers from 0 to `below` - 1,
            the same in every case.
        below: the exclusive upper bound of an `index`.
    """

    shape: tuple[int, ...]
    domain: Domain = "real"
    below: int = 0


def real(*shape: int) -> InputSpec:
    """Specify real numbers, replaced in every input case but the ordinary one."""
    return InputSpec(shape=shape)


def positive(*shape: int) -> InputSpec:
    """Specify positive numbers, replaced in every input case but the ordinary one."""
    return InputSpec(shape=shape, domain="positive")


def unit(*shape: int) -> InputSpec:
    """Specify numbers between 0 and 1; other input cases set them to the ends of the interval."""
    return InputSpec(shape=shape, domain="unit")


def weight(*shape: int) -> InputSpec:
    """Specify real numbers that are the same in every input case: weights, targets, cotangents."""
    return InputSpec(shape=shape, domain="weight")


def index(*shape: int, below: int) -> InputSpec:
    """Specify integers from 0 to below - 1."""
    return InputSpec(shape=shape, domain="index", below=below)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One comparison of the atlas.

    A source is Python code: statements, then an expression whose value is compared. Its names are
    `np`, the framework (`torch` and `F`, which is torch.nn.functional, or `jt`), and the inputs as
    tensors.

    Attributes:
        name: unique within its group.
        torch: the PyTorch source.
        jittor: the Jittor source, written as someone who ports a model would expect it to work.
        inputs: name -> how it is drawn.
        kind: `numeric`: float tensors, judged in float32 and float64; `rule`: plain values,
            compared exactly; `random`: a sample of at least 1,000 numbers, judged by its
            distribution.
        cases: the names of the input cases (`parity.atlas.cases`); None: all that suit the inputs.
        gradient: whether gradients are compared as well.
        workaround: a Jittor source that should agree with PyTorch; judged like `jittor`.
        note: the cause of a difference, or what to observe, in one or two sentences.
    """

    name: str
    torch: str
    jittor: str
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    kind: Kind = "numeric"
    cases: tuple[str, ...] | None = None
    gradient: bool = True
    workaround: str = ""
    note: str = ""


_NUMERIC_CASES = ("ordinary", "zeros", "large magnitude")


def numeric(
    name: str,
    torch: str,
    jittor: str = "",
    *,
    cases: tuple[str, ...] | None = _NUMERIC_CASES,
    gradient: bool = True,
    workaround: str = "",
    note: str = "",
    inputs: Mapping[str, InputSpec] | None = None,
    **named: InputSpec,
) -> Entry:
    """Return an entry whose inputs are those in `inputs` and those that are named.

    By default the Jittor source is `ported`.
    """
    return Entry(
        name=name, torch=torch, jittor=jittor or ported(torch), inputs={**(inputs or {}), **named},
        cases=cases, gradient=gradient, workaround=workaround, note=note,
    )  # fmt: skip


def rule(name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "") -> Entry:
    """Return an entry of plain values; by default the Jittor source is `ported`."""
    return Entry(
        name=name, torch=torch, jittor=jittor or ported(torch), kind="rule", workaround=workaround,
        note=note,
    )  # fmt: skip


def sample(name: str, torch: str, jittor: str = "", workaround: str = "", note: str = "") -> Entry:
    """Return an entry of random numbers; by default the Jittor source is `ported`."""
    return Entry(
        name=name, torch=torch, jittor=jittor or ported(torch), kind="random",
        workaround=workaround, note=note,
    )  # fmt: skip


def ported(source: str) -> str:
    """Return a PyTorch source with the names of Jittor's modules: where a port starts."""
    return re.sub(r"\btorch\.", "jt.", re.sub(r"\bF\.", "jt.nn.", source))


def split_source(source: str) -> tuple[str, str]:
    """Split a source into its statements and the expression at its end.

    Raises:
        ValueError: the source does not end in an expression.
    """
    tree = ast.parse(source)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise ValueError(f"a source must end in an expression: {source!r}")
    lines = source.strip().splitlines()
    start = tree.body[-1].lineno - 1 - (len(source.splitlines()) - len(lines))
    head, last = lines[:start], "\n".join(lines[start:])
    before, expression = last[: tree.body[-1].col_offset], last[tree.body[-1].col_offset :]
    if before.strip():
        head.append(before.strip().rstrip(";"))
    return "\n".join(head), expression


def evaluate(source: str, names: dict[str, Any]) -> Any:
    """Run a source and return the value of its last expression."""
    statements, expression = split_source(source)
    exec(compile(statements, "<atlas>", "exec"), names)
    return eval(compile(expression, "<atlas>", "eval"), names)
