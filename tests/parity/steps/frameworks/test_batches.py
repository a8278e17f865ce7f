"""Batches of a data loader, handed to a listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from parity.steps.frameworks.batches import watched_batches


class Listener:
    """Notes what it is given, and whether the loader works while it is paused."""

    def __init__(self) -> None:
        self.is_paused = False
        self.batches: list[Any] = []

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.is_paused = True
        yield
        self.is_paused = False

    def batch(self, batch: Any) -> Any:
        assert not self.is_paused
        self.batches.append(batch)
        return batch * 10


def test_each_batch_goes_through_the_listener_and_the_loader_works_unheard() -> None:
    listener, states = Listener(), []

    class Loader:
        def __iter__(self) -> Iterator[int]:
            for number in range(3):
                states.append(listener.is_paused)
                yield number

    iterate = watched_batches(Loader.__iter__, listener)  # type: ignore[arg-type]
    assert list(iterate(Loader())) == [0, 10, 20]
    assert listener.batches == [0, 1, 2]
    assert states == [True, True, True]
    assert not listener.is_paused
