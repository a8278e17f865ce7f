"""The cases of an audit: a correct base with one side edited, and what must be found of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from parity.report.report import Report
from parity.trace.sites import Phase

if TYPE_CHECKING:
    from audit.draws.configuration import Configuration

Framework = Literal["torch", "jittor"]
BOTH: tuple[Framework, Framework] = ("torch", "jittor")
Edit = Callable[[Any], object]
Condition = Callable[["Configuration"], bool]
# A class of fault is well known, and no report of it was found.
UNREPORTED = "no report cited"


class Base(Protocol):
    """A correct pair, trajectory or schedule, of which either side can be edited."""

    @property
    def name(self) -> str:
        """Its name in records."""

    def check(
        self, side: Framework | None = None, edit: Edit | None = None, *, seed: int = 0
    ) -> Report:
        """Compare both sides, one of them edited after it was built."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """An injected fault.

    Attributes:
        kind: class of fault; the name of the file that defines it.
        name: unique within its class and side.
        text: description, one line.
        base: the correct thing that it is injected into.
        side: the framework that gets the fault.
        edit: injects it into a built side.
        paths: the reference's modules at any of which it must be found; empty for any module.
        phase: phase in which it must be found first.
        tensor: label of the first failing tensor, or the group of state that it is of: an
            optimizer's fault is in no module, but in one group. Empty for any tensor.
        source: report of such a fault in the field.
        visible: whether it makes another function of a drawn configuration. A kernel mirrored on
            images of one pixel, or a larger beta_2 where that is what is configured, is no fault.
            It follows from arithmetic, not from what the harness sees.
    """

    kind: str
    name: str
    text: str
    base: Base
    side: Framework
    edit: Edit
    paths: tuple[str, ...]
    phase: Phase
    tensor: str
    source: str
    visible: Condition

    def check(self) -> Report:
        """Compare the base's sides, this one edited."""
        return self.base.check(self.side, self.edit)


@dataclass(frozen=True, kw_only=True)
class Rewrite:
    """An edit that leaves the same function, which must pass; fields as in `Mutant`."""

    kind: str
    name: str
    text: str
    base: Base
    side: Framework
    edit: Edit

    def check(self) -> Report:
        """Compare the base's sides, this one edited."""
        return self.base.check(self.side, self.edit)


MUTANTS: list[Mutant] = []
REWRITES: list[Rewrite] = []


def always(configuration: Configuration) -> bool:
    """Tell that a mutant is visible in every configuration."""
    return True


def never(configuration: Configuration) -> bool:
    """Tell that a mutant is for its own base only: its numbers fit no other, or change nothing."""
    return False


def mutant(
    base: Base,
    sides: Framework | tuple[Framework, ...],
    path: str | tuple[str, ...] | None,
    phase: Phase,
    source: str | Mapping[Framework, str],
    tensor: str = "",
    *,
    visible: Condition = always,
    kind: str = "",
    into: list[Mutant] = MUTANTS,
) -> Callable[[Edit], Edit]:
    """Register a function as a mutant of each of its sides.

    Its name and the first line of its docstring become the mutant's. Where it is written once for
    both sides, ` in jittor` is appended to the name on Jittor's.

    Args:
        base: the correct thing that it is injected into.
        sides: the sides that it can be injected into; the function is given one of them, built.
        path: module at which it must be found; several where it lies between them; None for any.
        phase: phase in which it must be found.
        source: report of such a fault, by side where they differ.
        tensor: label or group of the tensor, where the path alone does not say enough.
        visible: see `Mutant`.
        kind: class of fault; the name of the function's file unless given.
        into: the list that it is added to.
    """
    paths = () if path is None else (path,) if isinstance(path, str) else path
    sides = (sides,) if isinstance(sides, str) else sides

    def register(edit: Edit) -> Edit:
        for side in sides:
            suffix = " in jittor" if side == "jittor" and len(sides) > 1 else ""
            into.append(
                Mutant(
                    kind=kind or _kind(edit), name=_name(edit) + suffix, text=_text(edit),
                    base=base, side=side, edit=edit, paths=paths, phase=phase, tensor=tensor,
                    source=source if isinstance(source, str) else source[side], visible=visible,
                )
            )  # fmt: skip
        return edit

    return register


def rewrite(base: Base, side: Framework = "torch") -> Callable[[Edit], Edit]:
    """Register a function as a rewrite of one side that leaves the same function."""

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
