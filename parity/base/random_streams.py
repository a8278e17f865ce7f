"""Named streams of random numbers that start anew with every run, and the global generators."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, NamedTuple

import numpy as np

from parity.base.rng import keyed
from parity.errors import CannotCompare


class GlobalGenerator(NamedTuple):
    """A generator that a whole process shares.

    Attributes:
        state: () -> its state, to be compared.
        put_back: (state) -> None.
        start_from: (number below 2^32) -> None; seeds it.
    """

    state: Callable[[], Any]
    put_back: Callable[[Any], None]
    start_from: Callable[[int], None]


def global_generators() -> dict[Literal["numpy", "python"], GlobalGenerator]:
    """Return NumPy's and Python's; NumPy's only where it is its usual one."""
    generators: dict[Literal["numpy", "python"], GlobalGenerator] = {
        "python": GlobalGenerator(random.getstate, random.setstate, random.seed)
    }
    if isinstance(np.random.get_state(), tuple):
        generators["numpy"] = GlobalGenerator(_numpy_state, np.random.set_state, np.random.seed)
    return generators


def _numpy_state() -> Any:
    kind, keys, *position = np.random.get_state()
    return kind, tuple(np.asarray(keys).tolist()), *position


@contextmanager
def numpy_draws_in_float32() -> Iterator[None]:
    """Round what NumPy's global functions draw, uniform or normal, to float32, in float64 arrays.

    One side may cast a draw to float32 and the other not, and no cast of NumPy's arrays follows the
    precision of a run; of a rounded number both make the same. A range, or a scale, is applied
    afterwards.
    """
    standard = {name: _rounded(getattr(np.random, name)) for name in ("random", "standard_normal")}

    def uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        shape = np.broadcast(low, high).shape if size is None else size
        return low + (np.subtract(high, low)) * standard["random"](shape or None)

    def normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        shape = np.broadcast(loc, scale).shape if size is None else size
        return loc + np.asarray(scale)[()] * standard["standard_normal"](shape or None)

    functions = {
        **dict.fromkeys(("random", "random_sample"), standard["random"]),
        "rand": lambda *shape: standard["random"](shape or None),
        "standard_normal": standard["standard_normal"],
        "randn": lambda *shape: standard["standard_normal"](shape or None),
        "uniform": uniform,
        "normal": normal,
    }
    before = {name: getattr(np.random, name) for name in functions}
    for name, function in functions.items():
        setattr(np.random, name, function)
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(np.random, name, function)


def _rounded(draw: Callable[..., Any]) -> Callable[..., Any]:
    def drawn(size: Any = None) -> Any:
        value = np.asarray(draw(size)).astype(np.float32).astype(np.float64)
        return value if value.ndim else float(value)

    return drawn


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
