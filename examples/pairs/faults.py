"""A pair with a known fault, and where the harness has to find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parity import Pair


@dataclass(frozen=True, kw_only=True)
class Fault(Pair):
    """A pair that must not pass.

    Attributes:
        path: of the reference's module that the report must name, `""` for the model itself.
        phase: forward, loss or backward; the first in which the fault shows.
    """

    path: str
    phase: str


def inject(pair: Pair, name: str, path: str, phase: str, **changes: Any) -> Fault:
    """Return a correct pair with some of its fields changed, mostly the candidate."""
    settings = {**vars(pair), "name": f"{pair.name}, {name}", "path": path, "phase": phase}
    return Fault(**{**settings, **changes})
