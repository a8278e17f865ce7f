"""A pair with a known fault in it, and where the harness has to find that fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

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


def plant(pair: Pair, name: str, path: str, phase: str, **changes: Any) -> Fault:
    """Return a correct pair with something changed, its candidate most often."""
    settings = {**vars(pair), "name": f"{pair.name}, {name}", "path": path, "phase": phase}
    return Fault(**{**settings, **changes})


def seeded(build: Callable[[], torch.nn.Module]) -> Callable[[], torch.nn.Module]:
    """Let a builder draw the same PyTorch weights each time: an example shows the same figures."""

    def built() -> torch.nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build()

    return built
