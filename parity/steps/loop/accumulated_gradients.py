"""The gradients that backward passes add up, until an optimizer uses them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parity.base.numerics import Array
from parity.steps.frameworks.protocol import WatchedOptimizer
from parity.steps.step_data import Arrays


class AccumulatedGradients:
    """The gradients that backward passes have added since each optimizer's last step.

    Attributes:
        passes: of each optimizer, the numbers of the passes that reached its parameters.
        sums: of each optimizer, their sum by path.
        stale: optimizers whose gradients were not zero before the first of these passes.
    """

    def __init__(self) -> None:
        self.passes: dict[str, list[int]] = {}
        self.sums: dict[str, Arrays] = {}
        self.stale: set[str] = set()
        self._fresh: set[str] = set()
        self._added: dict[str, Array] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.passes, self.sums, self._added = {}, {}, {}
        self.stale = set()

    def begin(self, optimizers: Mapping[str, WatchedOptimizer]) -> None:
        """Begin a backward pass."""
        self._fresh = {name for name, o in optimizers.items() if o.is_fresh()}
        self._added = {}

    def add(self, path: str, gradient: Array) -> None:
        """Add what the present pass gives to a parameter."""
        self._added[path] = gradient

    def end(self, number: int, optimizers: Mapping[str, WatchedOptimizer]) -> None:
        """End the pass of a number; an optimizer whose gradients were zero starts anew with it."""
        for name, optimizer in optimizers.items():
            paths = [path for path in optimizer.paths() if path in self._added]
            if not paths:
                continue
            if name not in self._fresh and name not in self.passes:
                self.stale.add(name)
            if name in self._fresh:
                self.passes[name], self.sums[name] = [], {}
            self.passes.setdefault(name, []).append(number)
            sums = self.sums.setdefault(name, {})
            for path in paths:
                added = self._added[path]
                sums[path] = np.asarray(sums[path] + added) if path in sums else added

    def used(self, optimizer: str) -> None:
        """Forget what an optimizer has used."""
        self.passes.pop(optimizer, None)
        self.sums.pop(optimizer, None)
        self.stale.discard(optimizer)
