"""What one line of the atlas is: the same thing, written once for each framework."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["numeric", "rule", "random"]
Domain = Literal["real", "positive", "unit", "weight", "index"]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How one input is drawn.

    Attributes:
        shape: its shape.
        domain: `real`, `positive` and `unit` (between 0 and 1) are what the nasty cases replace; a
            `weight` is real and stays ordinary; an `index` holds whole numbers below `below`.
        below: see domain.
    """

    shape: tuple[int, ...]
    domain: Domain = "real"
    below: int = 0


def real(*shape: int) -> Draw:
    """Draw real numbers, the ones that nasty cases replace."""
    return Draw(shape=shape)


def positive(*shape: int) -> Draw:
    """Draw positive numbers, which nasty cases replace."""
    return Draw(shape=shape, domain="positive")


def unit(*shape: int) -> Draw:
    """Draw numbers between 0 and 1; nasty cases put them at the ends."""
    return Draw(shape=shape, domain="unit")


def weight(*shape: int) -> Draw:
    """Draw real numbers that stay ordinary in every case: weights, targets, gradients."""
    return Draw(shape=shape, domain="weight")


def index(*shape: int, below: int) -> Draw:
    """Draw whole numbers from 0 to below - 1."""
    return Draw(shape=shape, domain="index", below=below)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the atlas.

    A source is Python: statements, the last of which is an expression whose value is compared. It
    knows `torch`, `F` (torch.nn.functional), `jt` and `np`, each side its own, and the inputs by
    name, as tensors.

    Attributes:
        name: unique in its group.
        torch: PyTorch's source.
        jittor: Jittor's, written as a porter would expect it to work.
        inputs: name -> how it is drawn.
        kind: `numeric`: float tensors, judged in two precisions; `rule`: plain values, compared
            exactly; `random`: a sample of at least 1,000 numbers, judged by its distribution.
        cases: which inputs, by name (`parity.atlas.cases`); None: all that suit the inputs.
        gradient: whether gradients are judged as well.
        mend: Jittor's source, mended; judged as the original is.
        note: what a porter should know besides, one or two sentences.
    """

    name: str
    torch: str
    jittor: str
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    kind: Kind = "numeric"
    cases: tuple[str, ...] | None = None
    gradient: bool = True
    workaround: str = ""
    note: str = ""


def parts(source: str) -> tuple[str, str]:
    """Split a source into its statements and the expression at its end.

    Raises:
        ValueError: it does not end in an expression.
    """
    tree = ast.parse(source)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        raise ValueError(f"a source must end in an expression: {source!r}")
    lines = source.strip().splitlines()
    start = tree.body[-1].lineno - 1 - (len(source.splitlines()) - len(lines))
    head, last = lines[:start], "\n".join(lines[start:])
    before, _, last = last[: tree.body[-1].col_offset], "", last[tree.body[-1].col_offset :]
    if before.strip():
        head.append(before.strip().rstrip(";"))
    return "\n".join(head), last


def evaluate(source: str, names: dict[str, Any]) -> Any:
    """Run a source and return the value of its last expression."""
    statements, expression = parts(source)
    exec(compile(statements, "<atlas>", "exec"), names)
    return eval(compile(expression, "<atlas>", "eval"), names)
