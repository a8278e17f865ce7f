"""Random numbers of a call of a model, drawn again when the harness makes it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from parity.base.numerics import Array
from parity.steps.frameworks.protocol import Loop
from parity.steps.loop.watched_model import LiveCall
from parity.steps.step_data import DrawFamily


class CallsAgain:
    """Answers random functions while a call is made again.

    Args:
        loop: of the framework.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._left: Iterator[tuple[DrawFamily, Array]] | None = None

    @property
    def is_active(self) -> bool:
        """Whether a call is made again at the moment."""
        return self._left is not None

    def draw(self, family: DrawFamily, result: Any) -> Any:
        """Return what the call drew in the user's loop, at this place; `result` if nothing fits."""
        assert self._left is not None
        kind, array = next(self._left, ("", np.empty(0)))
        fits = kind == family and array.shape == tuple(result.shape)
        return self._loop.constant(array, result) if fits else result

    @contextmanager
    def of(self, adapter: Any, live: LiveCall) -> Iterator[None]:
        """Let dropout, random functions, NumPy and Python draw what they drew in a call."""
        dropout = iter(live.dropout)

        def source(shape: tuple[int, ...]) -> Array:
            array = next(dropout, None)
            if array is None or array.size != np.prod(shape, dtype=int):
                return np.full(shape, 0.5, np.float32)
            return array.reshape(shape)

        for put_back in live.generators:
            put_back()
        self._left = iter(live.draws)
        try:
            with self._loop.drawing_again(), adapter.dropout_from(source):
                yield
        finally:
            self._left = None
