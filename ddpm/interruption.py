"""Ctrl-C, or another request to stop, during training: stop between two steps."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Group(Protocol):
    """The processes that must stop together."""

    @property
    def size(self) -> int:
        """Number of processes."""

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process; every process must call it."""


@contextmanager
def interruptible(group: Group) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells, between steps, whether the run was asked to stop.

    Ctrl-C asks, and so do SIGTERM, which systems send before they shut down, and SIGHUP of a
    terminal that is closed, unless that was ignored from the start (`nohup`). A second one kills.
    A step interrupted halfway would leave weights, moments and average of different steps. Several
    processes stop at the same step, whichever of them was signalled. There a second signal is
    ignored, for their launcher repeats the one that the terminal has already sent.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        if group.size == 1:
            is_interrupt = number == signal.SIGINT
            signal.signal(number, signal.default_int_handler if is_interrupt else signal.SIG_DFL)

    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    try:
        before = {number: signal.signal(number, ask) for number in signals}
    except ValueError:  # signals arrive in the main thread only
        yield lambda: group.any(False)
        return
    try:
        yield lambda: group.any(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
