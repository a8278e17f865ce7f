"""Both sides' modules next to each other, for a report: path, class, parameters, source lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from parity.structure.source_lines import SourceLines, source_lines

if TYPE_CHECKING:
    from parity.adapters.protocol import Adapter

# Modules whose source lines are kept.
WITH_SOURCE = 20


class ModuleSide(NamedTuple):
    """A module of one side.

    Attributes:
        path: its own, `""` for the model itself.
        kind: name of its class.
        parameters: number of elements of its parameters, with those of the modules in it.
        source: where its code stands, if it was asked for.
    """

    path: str
    kind: str
    parameters: int
    source: tuple[SourceLines, ...] = ()


class ModulePair(NamedTuple):
    """A module of both sides; None on the side that lacks it."""

    reference: ModuleSide | None
    candidate: ModuleSide | None


def module_pairs(
    reference: Adapter,
    candidate: Adapter,
    partners: Mapping[str, str],
    failing: Collection[str],
) -> list[ModulePair]:
    """Return all modules of both sides, in the reference's order; what is alone comes last.

    Args:
        reference: one side.
        candidate: the other.
        partners: reference path -> candidate path.
        failing: reference paths in order; source lines are given for the first of them.
    """
    shown = list(dict.fromkeys(failing))[:WITH_SOURCE]
    sides = (
        dict(_sides(reference, shown)),
        dict(_sides(candidate, [partners[path] for path in shown if path in partners])),
    )
    pairs = [
        ModulePair(side, sides[1].get(partners[path]) if path in partners else None)
        for path, side in sides[0].items()
    ]
    taken = set(partners.values())
    alone = [side for path, side in sides[1].items() if path not in taken]
    return [*pairs, *(ModulePair(None, side) for side in alone)]


def _sides(adapter: Adapter, shown: Collection[str]) -> Iterator[tuple[str, ModuleSide]]:
    sizes: Counter[str] = Counter()
    for path, tensor in adapter.parameters().items():
        size = math.prod(tensor.shape)
        while path:
            path = path.rpartition(".")[0]
            sizes[path] += size
    modules = adapter.modules()
    for path, module in modules.items():
        source = source_lines(path, modules) if path in shown else ()
        yield path, ModuleSide(path, type(module).__name__, sizes[path], source)
