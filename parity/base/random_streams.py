"""Named streams of random numbers that start anew with every run, and the global generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np

from parity.base.rng import keyed
from parity.errors import CannotCompare


def global_states() -> dict[Literal["numpy", "python"], Any]:
    """Return the states of NumPy's and Python's global generators, to be compared."""
    kind, keys, *position = np.random.get_state(legacy=True)
    return {
        "numpy": (kind, np.asarray(keys).tobytes(), *position),
        "python": random.getstate(),
    }


@contextmanager
def seeded_globals(seed: int) -> Iterator[None]:
    """Seed NumPy's and Python's global generators; put their states back at the end."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    number = int(keyed(seed, "globals").integers(2**32))
    np.random.seed(number)
    random.seed(number)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


_STREAMS: ContextVar[tuple[int, dict[str, np.random.Generator]] | None] = ContextVar(
    "parity_random_streams", default=None
)


@contextmanager
def named_streams(seed: int) -> Iterator[None]:
    """Start every named stream anew for the block."""
    token = _STREAMS.set((seed, {}))
    try:
        yield
    finally:
        _STREAMS.reset(token)


def random_stream(name: str) -> np.random.Generator:
    """Return a stream of random numbers of the current run, the same on both sides.

    It starts anew with every run, so a model that draws all its numbers from such streams is
    deterministic under the harness. A builder may use it too.

    Args:
        name: of the stream; each has numbers of its own.

    Raises:
        CannotCompare: no run is under way.
    """
    current = _STREAMS.get()
    if current is None:
        raise CannotCompare(
            f"random_stream({name!r}): no comparison is running: use a generator of your own "
            "outside of one"
        )
    seed, streams = current
    if name not in streams:
        streams[name] = keyed(seed, "stream", name)
    return streams[name]
