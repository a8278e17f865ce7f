"""Ties weights on one side that the other side ties, for the time of a comparison.

Where one side uses one parameter at two places and the other has two, the two sides can be the same
function, and the gradient of the one parameter is the sum of those of the two. With both sides tied
everything is compared as it is; only training would part them, which a note says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from parity.base.numerics import is_same_shape
from parity.structure.path_matching import renamed, with_prefix


def tie_both(
    reference: Any, candidate: Any, rename: Mapping[str, str]
) -> tuple[list[str], list[Callable[[], None]]]:
    """Tie on each side what the other ties, where shapes allow it.

    Args:
        reference: its adapter; one without a method `aliases` ties nothing.
        candidate: likewise.
        rename: as `Pair` has it.

    Returns:
        Notes, and functions that undo it.
    """
    known = with_prefix(rename, [*reference.parameters()], [*candidate.parameters()])
    to_candidate = {path: renamed(path, known) for path in _all_paths(reference)}
    to_reference = {partner: path for path, partner in to_candidate.items()}
    notes, undo = [], []
    for role, side, other_role, other, partners in (
        ("candidate", candidate, "reference", reference, to_reference),
        ("reference", reference, "candidate", candidate, to_candidate),
    ):
        for alias, path in _aliases(side).items():
            mine, first = partners.get(alias), partners.get(path)
            parameters = other.parameters()
            if mine not in parameters or first not in parameters or mine == first:
                continue
            if not is_same_shape(tuple(parameters[mine].shape), tuple(parameters[first].shape)):
                continue
            undo.append(other.tie(mine, first))
            notes.append(
                f"the {role} ties {alias!r} to {path!r} and the {other_role} does not: both are "
                "compared with tied weights; trained, they would part"
            )
    return notes, undo


def _aliases(side: Any) -> dict[str, str]:
    find = getattr(side, "aliases", None)
    found: dict[str, str] = {} if find is None else find()
    return found


def _all_paths(side: Any) -> list[str]:
    return [*side.parameters(), *_aliases(side)]
