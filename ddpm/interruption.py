"""Reasons to stop training between two steps: Ctrl-C, or the loss of another process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from ddpm.errors import PeersLost


class Group(Protocol):
    """The processes that must stop together."""

    @property
    def rank(self) -> int:
        """Number of this process."""

    @property
    def size(self) -> int:
        """Number of processes."""

    @property
    def lost(self) -> str:
        """The end of the connection to other processes, in words; empty while it holds."""

    def any(self, flag: bool) -> bool:
        """Tell whether the flag is set in any process; every process must call it."""


# Signals that a block has taken over -> what they did before.
_before: dict[signal.Signals, Any] = {}


def _restore() -> None:
    """Let signals do in a forked child what they did before: it is to end, and takes no steps."""
    for number, handler in _before.items():
        signal.signal(number, handler)


os.register_at_fork(after_in_child=_restore)


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
    _before.update(before)
    try:
        yield lambda: group.any(asked)
    finally:
        _before.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def saved_if_alone(group: Group, folder: Path, save: Callable[[], Path]) -> Iterator[None]:
    """Save the run where the other processes are lost; the step that was going on is not taken.

    Args:
        group: the processes.
        folder: where the first process has its checkpoints.
        save: writes the state of the last step and returns the file; the first process calls it.

    Raises:
        PeersLost: the connection to the other processes broke.
    """
    try:
        yield
    except RuntimeError as error:
        if not group.lost:
            raise
        line = f"{group.lost}; the run of {group.size} processes has ended"
        if group.rank == 0:
            raise PeersLost(line, save()) from error
        raise PeersLost(
            f"{line}; continue with --resume and the newest checkpoint of the first process, in"
            f" {folder} on its host"
        ) from error
