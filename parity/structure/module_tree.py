"""The module trees of both sides next to each other, with parameters and what has no partner."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from parity.base.numerics import is_same_shape
from parity.structure.path_matching import (
    Shapes,
    match_modules,
    matched_by_name,
    matched_by_order,
    renamed,
    with_prefix,
    without,
)
from parity.structure.proposals import Proposal, propose


class Side(NamedTuple):
    """The structure of one model.

    Attributes:
        framework: its name.
        modules: class name by path, the model itself under `""`, parents first.
        parameters: shape by path, in order of definition.
        buffers: likewise.
    """

    framework: str
    modules: Mapping[str, str]
    parameters: Shapes
    buffers: Shapes

    def size(self, path: str) -> int:
        """Return the number of elements of all parameters of a module and of those in it."""
        start = f"{path}." if path else ""
        return sum(math.prod(s) for p, s in self.parameters.items() if p.startswith(start))


class Row(NamedTuple):
    """A module, or a parameter, of one side or of both.

    Attributes:
        reference: path; None where there is none on this side.
        candidate: likewise.
        is_module: whether it is a module.
        remark: on what differs; empty where nothing does.
    """

    reference: str | None
    candidate: str | None
    is_module: bool
    remark: str = ""


class Tree(NamedTuple):
    """Both sides, row by row.

    Attributes:
        reference: one side.
        candidate: the other.
        rows: modules in the reference's order, each with those of its own parameters after it.
        missing: parameters of the reference without a partner of their shape.
        extra: of the candidate.
        proposal: what could be said in the pair, so that they have one.
    """

    reference: Side
    candidate: Side
    rows: list[Row]
    missing: list[str]
    extra: list[str]
    proposal: Proposal

    @property
    def matches(self) -> bool:
        """Whether every parameter has a partner of its shape."""
        return not self.missing and not self.extra


def tree(
    reference: Side,
    candidate: Side,
    rename: Mapping[str, str] | None = None,
    mapped: tuple[Iterable[str], Iterable[str]] = ((), ()),
) -> Tree:
    """Put two models next to each other. Nothing in them is refused.

    Args:
        reference: one side.
        candidate: the other.
        rename: as `Pair` has it.
        mapped: parameters of each side that `Pair(weights=…)` deals with, or `ignore`.
    """
    shapes = without(reference.parameters, mapped[0]), without(candidate.parameters, mapped[1])
    known = with_prefix(rename or {}, [*shapes[0]], [*shapes[1]])
    matched, missing, extra = matched_by_name(
        shapes[0], shapes[1], known, candidate_buffers=candidate.buffers
    )
    in_order = matched_by_order(shapes[0], shapes[1], missing, extra)
    matched |= in_order
    missing = [path for path in missing if path not in in_order]
    taken = set(in_order.values())
    extra = [path for path in extra if path not in taken]
    partners = {**candidate.buffers, **candidate.parameters}
    other = {a: b for a, b in matched.items() if not is_same_shape(shapes[0][a], partners[b])}
    for path, partner in other.items():
        del matched[path]
        missing.append(path)
        extra += [partner] if partner in shapes[1] else []
    proposal = propose(shapes[0], shapes[1], missing, extra, matched)
    proposed = {a: b for a in missing if (b := renamed(a, proposal.rename)) in extra}
    modules = match_modules([*reference.modules], [*candidate.modules], known, matched)
    made = [(a, b) for b, weight in proposal.weights.items() for a in weight.paths]
    pairs = [*matched.items(), *other.items(), *proposed.items(), *made]
    modules = {**_by_content(reference, candidate, pairs), **modules}
    shown = {*proposed.values(), *other.values()}
    rows = _Rows(
        reference,
        candidate,
        {path: proposed.get(path) or other.get(path) for path in missing},
        [path for path in extra if path not in shown],
    )
    return Tree(
        reference,
        candidate,
        list(rows.all(modules)),
        missing,
        extra,
        proposal,
    )


def _by_content(
    reference: Side, candidate: Side, pairs: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Match modules by what is in them: the smallest that holds the partners of all parameters.

    Args:
        reference: one side.
        candidate: the other.
        pairs: parameters that belong, or may belong, together.
    """
    partners: defaultdict[str, list[str]] = defaultdict(list)
    for path, partner in pairs:
        partners[path].append(partner)
    found = {}
    for module in reference.modules:
        inside = [p for p in reference.parameters if p.startswith(f"{module}.")]
        if not module or not all(p in partners for p in inside):
            continue
        others = {tuple(b.split(".")[:-1]) for p in inside for b in partners[p]}
        common = _common_start(others)
        if common in candidate.modules:
            found[module] = common
    chosen: dict[str, str] = {}
    for partner in set(found.values()) - {""}:
        modules = [path for path, other in found.items() if other == partner]
        innermost = max(modules, key=len)
        # Several that are joined into one have no partner each.
        if all(f"{innermost}.".startswith(f"{path}.") for path in modules):
            around = partner
            for path in sorted(modules, key=len, reverse=True):
                if around:
                    chosen[path] = around
                around = around.rpartition(".")[0]
    return chosen


def _common_start(paths: Collection[tuple[str, ...]]) -> str:
    columns = zip(*paths, strict=False)
    return ".".join(column[0] for column in takewhile(lambda c: len(set(c)) == 1, columns))


@dataclass(frozen=True)
class _Rows:
    """Makes the rows of two sides.

    Attributes:
        reference: one side.
        candidate: the other.
        missing: parameters of the reference without a partner -> one that may be it, or None.
        extra: parameters of the candidate without a partner at all.
    """

    reference: Side
    candidate: Side
    missing: Mapping[str, str | None]
    extra: list[str]

    def all(self, partners: Mapping[str, str]) -> Iterator[Row]:
        """Yield all rows.

        Args:
            partners: reference module -> candidate module.
        """
        taken = set(partners.values())
        # Modules that only the candidate has come before the next one that both have.
        alone = [path for path in self.candidate.modules if path not in taken]
        order = {path: number for number, path in enumerate(self.candidate.modules)}
        for path in self.reference.modules:
            partner = partners.get(path)
            while alone and partner is not None and order[alone[0]] < order[partner]:
                yield from self._module(None, alone.pop(0))
            yield from self._module(path, partner)
        for path in alone:
            yield from self._module(None, path)

    def _module(self, path: str | None, partner: str | None) -> Iterator[Row]:
        """Yield the row of a module and those of its own parameters without a partner."""
        yield Row(path, partner, is_module=True, remark=self._remark(path, partner))
        for name, other in self.missing.items():
            if path is not None and name.rpartition(".")[0] == path:
                remark = self._shapes_remark(name, other)
                yield Row(name, other, is_module=False, remark=remark)
        for name in self.extra:
            if partner is not None and name.rpartition(".")[0] == partner:
                yield Row(None, name, is_module=False, remark="no partner")

    def _shapes_remark(self, path: str, partner: str | None) -> str:
        if partner is None:
            return "no partner"
        shapes = {**self.candidate.buffers, **self.candidate.parameters}
        fits = is_same_shape(self.reference.parameters[path], shapes[partner])
        return "perhaps" if fits else "another shape"

    def _remark(self, path: str | None, partner: str | None) -> str:
        if path is None or partner is None:
            return f"only in the {'reference' if partner is None else 'candidate'}"
        more = self.candidate.size(partner) - self.reference.size(path)
        return f"{more:+,} parameters" if more else ""
