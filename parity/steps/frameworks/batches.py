"""Batches of a framework's data loaders, handed to a listener."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from parity.steps.frameworks.protocol import Listener


def watched_batches(iterate: Callable[[Any], Any], listener: Listener) -> Callable[..., Any]:
    """Return the `__iter__` of a data loader's class that hands each batch to a listener.

    What the loader itself does, such as drawing an order, is none of the training.

    Args:
        iterate: the class's own.
        listener: to be given each batch; the loop gets what it returns.
    """

    def watched(self: Any) -> Iterator[Any]:
        with listener.paused():
            batches = iter(iterate(self))
        while True:
            with listener.paused():
                try:
                    batch = next(batches)
                except StopIteration:
                    return
            yield listener.batch(batch)

    return watched
