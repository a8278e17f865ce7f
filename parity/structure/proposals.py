"""Proposes which parameters of two models belong together, by names and shapes.

A proposal is made for a person to read and to paste. Shapes cannot tell the layouts of a fused
weight from each other; comparing afterwards does.
"""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from parity import weights
from parity.base.numerics import is_same_shape
from parity.weights import Weight

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
# (shape of the reference, shape of the candidate) -> whether they may be partners.
Fits = Callable[[Shape, Shape], bool]
# Parts that people fuse into one layer, in the usual order: query, key, value.
_PARTS = (("q", "query", "wq"), ("k", "key", "wk"), ("v", "value", "wv"))
# How much less alike the names of parameters of equal shape may be, of 1.
PREFERENCE = 0.15
_NUMBERS = (3, 2)  # of parts of a fused weight


class ProposedWeight(NamedTuple):
    """One entry of `Pair(weights=…)`.

    Attributes:
        function: its name in `parity.weights`.
        paths: parameters of the reference that it takes.
        numbers: further arguments.
    """

    function: str
    paths: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def weight(self) -> Weight:
        """Return the entry itself."""
        made: Weight = getattr(weights, self.function)(*self.paths, *self.numbers)
        return made

    def __str__(self) -> str:
        """Return the entry as Python, `concat("q.weight", "k.weight", "v.weight")`."""
        arguments = [*(f'"{path}"' for path in self.paths), *map(str, self.numbers)]
        return f"{self.function}({', '.join(arguments)})"


class Proposal(NamedTuple):
    """Arguments of a `Pair` under which parameters have partners.

    Attributes:
        rename: paths of the reference -> of the candidate, of modules where one entry will do.
        weights: paths of the candidate -> functions of the reference's.
    """

    rename: Mapping[str, str]
    weights: Mapping[str, ProposedWeight]

    def __bool__(self) -> bool:
        return bool(self.rename or self.weights)

    def lines(self) -> list[str]:
        """Return the arguments as lines of Python, to be pasted."""
        found = []
        if self.rename:
            entries = [f'    "{path}": "{partner}",' for path, partner in self.rename.items()]
            found += ["rename={", *entries, "},"]
        if self.weights:
            entries = [f'    "{path}": {weight},' for path, weight in self.weights.items()]
            found += ["weights={", *entries, "},"]
        return found


def propose(
    reference: Shapes,
    candidate: Shapes,
    missing: Sequence[str],
    extra: Sequence[str],
    matched: Mapping[str, str] | None = None,
) -> Proposal:
    """Return partners for as many parameters as possible, each used once.

    Fused and split weights come first, where no parameter has the shape; then those that belong
    together one to one, as they are, transposed, or with other axes of one element. Names that are
    alike win, then equal shapes; among equals the order does.

    Args:
        reference: shapes by path, in order of definition.
        candidate: likewise.
        missing: paths of the reference without a partner.
        extra: paths of the candidate without one.
        matched: partners that are known, reference path -> candidate path.
    """
    search = _Search(reference, candidate, list(missing), list(extra))
    search.fused()
    search.split()
    pairs = search.one_to_one()
    return Proposal(_shortened(pairs, reference, matched or {}, search.used), search.weights)


class _Search:
    """Finds partners; what has found one is not looked at again."""

    def __init__(
        self, reference: Shapes, candidate: Shapes, missing: list[str], extra: list[str]
    ) -> None:
        self._reference, self._candidate = reference, candidate
        self._missing, self._extra = missing, extra
        self.weights: dict[str, ProposedWeight] = {}
        # Paths of the reference that `weights` takes.
        self.used: set[str] = set()

    def fused(self) -> None:
        """Find parameters of the candidate that join two or three of the reference's."""
        shapes = {self._reference[path] for path in self._missing}
        wanted = [path for path in self._extra if self._candidate[path] not in shapes]
        for path, parts in _joined(wanted, self._candidate, self._missing, self._reference):
            self._take(path, ProposedWeight("concat", parts))

    def split(self) -> None:
        """Find parameters of the reference that join two or three of the candidate's."""
        shapes = {self._candidate[path] for path in self._extra}
        wanted = [path for path in self._missing if self._reference[path] not in shapes]
        for path, parts in _joined(wanted, self._reference, self._extra, self._candidate):
            for number, part in enumerate(parts):
                self._take(part, ProposedWeight("split", (path,), (number, len(parts))))

    def one_to_one(self) -> dict[str, str]:
        """Find partners of the same shape, transposed, or with other axes of one element."""
        pairs = _partners(self._reference, self._candidate, self._missing, self._extra, _may_fit)
        renamed = {}
        for path, partner in pairs.items():
            one, other = self._reference[path], self._candidate[partner]
            if is_same_shape(one, other):
                renamed[path] = partner
            elif _are_transposed(one, other):
                self._take(partner, ProposedWeight("transpose", (path,)))
            else:
                self._take(partner, ProposedWeight("reshape", (path,), other))
        return renamed

    def _take(self, path: str, weight: ProposedWeight) -> None:
        self.weights[path] = weight
        self.used |= set(weight.paths)
        self._missing = [other for other in self._missing if other not in weight.paths]
        self._extra = [other for other in self._extra if other != path]


def pairs_of_equal_shape(
    reference: Shapes, candidate: Shapes, missing: Sequence[str], extra: Sequence[str]
) -> dict[str, str]:
    """Return partners of the same shape, the likeliest names first, each path once."""
    return _partners(reference, candidate, missing, extra, is_same_shape)


def _partners(
    reference: Shapes,
    candidate: Shapes,
    missing: Sequence[str],
    extra: Sequence[str],
    fits: Fits,
) -> dict[str, str]:
    pairs = [
        (a, b)
        for a in missing
        for b in extra
        if fits(reference[a], candidate[b]) and _is_normed(a) == _is_normed(b)
    ]
    equal = {(a, b) for a, b in pairs if is_same_shape(reference[a], candidate[b])}
    return nearest(pairs, equal)


def _is_normed(path: str) -> bool:
    """Tell whether a path is that of a part of a normalised weight, which no plain weight is."""
    last = path.split(".")[-1]
    return last.endswith(("_g", "_v", "_u", "_orig")) or last.startswith(("original", "_u", "_v"))


def nearest(
    pairs: Sequence[tuple[str, str]], preferred: Collection[tuple[str, str]] = ()
) -> dict[str, str]:
    """Choose among possible pairs those with the likeliest names, each path once.

    Args:
        pairs: in order of definition, which decides among equals.
        preferred: those that win unless the names of another are clearly more alike.
    """
    firsts, seconds = (
        {p: i for i, p in enumerate(dict.fromkeys(each))} for each in _columns(pairs)
    )
    bonus = dict.fromkeys(preferred, PREFERENCE)
    scored = [
        (-_likeness(a, b) - bonus.get((a, b), 0.0), abs(firsts[a] - seconds[b]), firsts[a], a, b)
        for a, b in pairs
    ]
    found: dict[str, str] = {}
    taken: set[str] = set()
    for *_, a, b in sorted(scored):
        if a not in found and b not in taken:
            found[a] = b
            taken.add(b)
    return {path: found[path] for path in firsts if path in found}


def _columns(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [a for a, _ in pairs], [b for _, b in pairs]


@lru_cache(maxsize=2**16)  # the match by order, the message and the tree ask for the same pairs
def _likeness(a: str, b: str) -> float:
    """Return how alike two paths are: by their last names first, then by all their letters."""
    same_last_name = a.split(".")[-1] == b.split(".")[-1]
    letters = difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
    return 2.0 * same_last_name + round(letters, 2)


def _joined(
    wanted: Sequence[str], shapes: Shapes, others: Sequence[str], part_shapes: Shapes
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (path, paths of its parts) for parameters that join parts along the first axis."""
    left = dict.fromkeys(others)
    for number in _NUMBERS:
        groups = _groups(left, part_shapes, number)
        pairs = [
            (path, key)
            for path in wanted
            for key, paths in groups.items()
            if shapes[path] == (number * part_shapes[paths[0]][0], *part_shapes[paths[0]][1:])
            and _is_name_of(path.split(".")[-1], paths[0].split(".")[-1])
        ]
        for path, key in nearest(pairs).items():
            yield path, groups[key]
            left = {other: None for other in left if other not in groups[key]}
        wanted = [path for path in wanted if path not in dict(pairs)]


def _is_name_of(joined: str, part: str) -> bool:
    """Tell whether last names belong together: `in_proj_weight` is one of `weight`."""
    return joined == part or joined.endswith(f"_{part}")


def _groups(paths: Iterable[str], shapes: Shapes, number: int) -> dict[str, tuple[str, ...]]:
    """Return siblings of one shape and last name, as many as are joined, by a name for them."""
    siblings: defaultdict[tuple[str, str, Shape], list[str]] = defaultdict(list)
    for path in paths:
        owner, _, last = path.rpartition(".")
        around = owner.rpartition(".")[0]
        if shapes[path]:
            siblings[around, last, shapes[path]].append(path)
    found = {}
    for (around, last, _), members in siblings.items():
        chosen = _query_key_value(members) if number == len(_PARTS) else ()
        if not chosen and len(members) == number:
            chosen = tuple(members)
        if chosen:
            name = ".".join(part for part in (around, last) if part)
            found[name if name not in found else chosen[0]] = chosen
    return found


def _query_key_value(paths: Sequence[str]) -> tuple[str, ...]:
    """Return those of query, key and value, in this order; nothing if they are not there."""
    found = []
    for names in _PARTS:
        mine = [p for p in paths if set(names) & set(p.split(".")[-2:][0].lower().split("_"))]
        if len(mine) != 1:
            return ()
        found += mine
    return tuple(found)


def _may_fit(one: Shape, other: Shape) -> bool:
    return is_same_shape(one, other) or _are_transposed(one, other) or _differ_in_ones(one, other)


def _are_transposed(one: Shape, other: Shape) -> bool:
    return len(one) > 1 and one != other and (one[1], one[0], *one[2:]) == other


def _differ_in_ones(one: Shape, other: Shape) -> bool:
    same_others = [size for size in one if size != 1] == [size for size in other if size != 1]
    return not is_same_shape(one, other) and same_others and math.prod(one) == math.prod(other)


def _shortened(
    pairs: Mapping[str, str],
    reference: Shapes,
    matched: Mapping[str, str],
    used: set[str],
) -> dict[str, str]:
    """Return renamings of modules that do what renamings of their parameters would do."""
    partners = {**matched, **pairs}
    found: dict[str, str] = {}
    for path, partner in pairs.items():
        own, other = path.split("."), partner.split(".")
        while own and other and own[-1] == other[-1]:
            own.pop()
            other.pop()
        head, new = ".".join(own), ".".join(other)
        below = [p for p in reference if p.startswith(head + ".") and p not in used]
        fits = head and all(partners.get(p) == new + p.removeprefix(head) for p in below)
        found |= {head: new} if fits and new and below else {path: partner}
    return found
