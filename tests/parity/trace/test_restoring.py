"""A block after which modules and generators are what they were."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from parity.base.random_streams import GlobalGenerator
from parity.trace.restoring import everything_put_back, keep


class Kept:
    """Stands for an adapter."""

    def __init__(self) -> None:
        self.value = self.state = 1

    def snapshot(self) -> Callable[[], None]:
        value = self.value
        return lambda: setattr(self, "value", value)

    def generator(self) -> GlobalGenerator:
        return GlobalGenerator(
            lambda: self.state, lambda state: setattr(self, "state", state), lambda seed: None
        )


def test_what_was_kept_is_put_back_after_an_exception_too() -> None:
    adapter = Kept()

    def interrupted() -> None:
        with everything_put_back():
            keep(adapter)
            adapter.value = adapter.state = 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (adapter.value, adapter.state) == (1, 1)


def test_global_generators_are_put_back() -> None:
    expected = random.Random(5).random(), np.random.RandomState(5).rand()
    random.seed(5)
    np.random.seed(5)
    with everything_put_back():
        random.random()
        np.random.rand()
    assert (random.random(), np.random.rand()) == expected


def test_nothing_is_kept_outside_of_a_block() -> None:
    adapter = Kept()
    keep(adapter)
    with everything_put_back():
        adapter.value = 2
    assert adapter.value == 2
