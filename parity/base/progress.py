"""A comparison tells whoever shows it what it is doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("parity_progress", default=None)


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Have `listener` called with a short text for everything that is begun inside the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def begin(text: str) -> None:
    """Tell the listener, if there is one, what is begun."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(text)
