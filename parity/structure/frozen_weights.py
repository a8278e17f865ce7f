"""Names weights that one side trains and the other does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = 3


def frozen_on_one_side(reference: Any, candidate: Any, partners: Mapping[str, str]) -> list[str]:
    """Return a note for each side that alone trains weights of both.

    Args:
        reference: its adapter; one without a method `frozen` has no frozen parameters.
        candidate: likewise.
        partners: parameters and buffers that both have, reference path -> candidate path.
    """
    trained = _trained(reference), _trained(candidate)
    frozen = {a for a in partners if a not in trained[0]}
    others = {a for a, b in partners.items() if b not in trained[1]}
    return [
        f"frozen in the {role} and trained in the {other}: {_listed(sorted(paths))}"
        for role, other, paths in (
            ("reference", "candidate", frozen - others),
            ("candidate", "reference", others - frozen),
        )
        if paths
    ]


def _trained(side: Any) -> set[str]:
    """Return the parameters that need a gradient; Jittor has the others among the buffers."""
    frozen = side.frozen() if hasattr(side, "frozen") else set()
    return set(side.parameters()) - frozen


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:SHOWN]) + (", …" if len(paths) > SHOWN else "")
