"""Puts back what a comparison changes in the models and generators that a user handed over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from parity.base.random_streams import global_generators

_RESTORE: ContextVar[list[Callable[[], None]] | None] = ContextVar("parity_restore", default=None)


@contextmanager
def everything_put_back() -> Iterator[None]:
    """Put back, at the end of the block, what `keep` was told of; after an exception too.

    That is weights and buffers with their dtypes, gradients, and the states of the global random
    generators; modes and hooks are put back by every run.
    """
    restore: list[Callable[[], None]] = []
    for generator in global_generators().values():
        restore.append(_restoring(generator))
    torch = sys.modules.get("torch")
    if torch is not None:  # a builder draws from it before its adapter is known
        restore.append(partial(torch.set_rng_state, torch.get_rng_state()))
    token = _RESTORE.set(restore)
    try:
        yield
    finally:
        _RESTORE.reset(token)
        for put_back in reversed(restore):
            put_back()


def keep(adapter: Any) -> None:
    """Remember a module as its builder returned it, for the block around; nothing outside one."""
    restore = _RESTORE.get()
    if restore is None:
        return
    for name in ("snapshot", "generator"):
        method = getattr(adapter, name, None)
        if method is not None:
            restore.append(method() if name == "snapshot" else _restoring(method()))


def keep_also(put_back: Callable[[], None]) -> None:
    """Have a function called at the end of the block around, before what was kept earlier."""
    restore = _RESTORE.get()
    if restore is not None:
        restore.append(put_back)


def _restoring(generator: Any) -> Callable[[], None]:
    state = generator.state()
    return lambda: generator.put_back(state)
