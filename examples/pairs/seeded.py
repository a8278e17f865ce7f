"""PyTorch weights that are the same each time, so that an example shows the same figures."""

from __future__ import annotations

from collections.abc import Callable

import torch


def seeded(build: Callable[[], torch.nn.Module]) -> Callable[[], torch.nn.Module]:
    """Return a builder that draws the same weights each time and leaves the global seed alone."""

    def build_with_seed() -> torch.nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build()

    return build_with_seed
