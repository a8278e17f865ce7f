"""What is put before the gate: a base with one thing changed, and what the gate must say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from parity.report.report import Report
from parity.trace.sites import Phase

Side = Literal["torch", "jittor"]
Edit = Callable[[Any], object]


class Base(Protocol):
    """Something correct, either side of which can be edited."""

    @property
    def name(self) -> str:
        """What it is called."""

    def judged(
        self, side: Side | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Let the gate judge it, with one side as the builder left it after `edit`."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A planted fault.

    Attributes:
        kind: class of fault; the name of the file that it is in.
        name: what it is called, unique.
        text: what was done, one line.
        base: what it is planted in.
        side: the framework that has the fault.
        edit: plants it, in a built side.
        paths: the reference's modules any of which is the right place; empty where it is in all.
        phase: in which it must show first.
        tensor: what the name of the first failing tensor begins with; an optimizer's fault is in
            no module, but in one kind of its state.
        source: where it happened in the field.
    """

    kind: str
    name: str
    text: str
    base: Base
    side: Side
    edit: Edit
    paths: tuple[str, ...]
    phase: Phase
    tensor: str
    source: str

    def judged(self) -> Report:
        """Let the gate judge it."""
        return self.base.judged(self.side, self.edit)


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """A benign change, which the gate must let pass; fields as in `Mutant`."""

    kind: str
    name: str
    text: str
    base: Base
    side: Side
    edit: Edit

    def judged(self) -> Report:
        """Let the gate judge it."""
        return self.base.judged(self.side, self.edit)


# Where a class of fault is well known and no report of it was found.
UNREPORTED = "no report cited"
MUTANTS: list[Mutant] = []
REWRITES: list[Rewrite] = []


def mutant(
    base: Base, side: Side, at: str | tuple[str, ...] | None, phase: Phase, source: str,
    tensor: str = "",
) -> Callable[[Edit], Edit]:  # fmt: skip
    """Register a function as a planted fault; its name and its docstring become the mutant's.

    Args:
        base: what it is planted in.
        side: which side it is planted in; the function is given that side, built.
        at: module path at which it must be found; several where it sits between; None for any.
        phase: in which it must be found.
        source: where it happened.
        tensor: beginning of the tensor's name, where the path alone does not say enough.
    """
    paths = () if at is None else (at,) if isinstance(at, str) else at

    def register(edit: Edit) -> Edit:
        MUTANTS.append(
            Mutant(
                kind=_kind(edit), name=_name(edit), text=_text(edit), base=base, side=side,
                edit=edit, paths=paths, phase=phase, tensor=tensor, source=source,
            )
        )  # fmt: skip
        return edit

    return register


def rewrite(base: Base, side: Side = "torch") -> Callable[[Edit], Edit]:
    """Register a function as a benign rewrite of one side."""

    def register(edit: Edit) -> Edit:
        REWRITES.append(
            Rewrite(
                kind=_kind(edit), name=_name(edit), text=_text(edit), base=base, side=side,
                edit=edit,
            )
        )  # fmt: skip
        return edit

    return register


def _kind(edit: Edit) -> str:
    return edit.__module__.rpartition(".")[2]


def _name(edit: Edit) -> str:
    return edit.__name__.strip("_").replace("_", " ")


def _text(edit: Edit) -> str:
    return (edit.__doc__ or "").strip().splitlines()[0]
