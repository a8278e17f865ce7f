"""Who hears a signal: Python again, and the compiling processes never of Ctrl-C.

Importing Jittor installs handlers of its own (`register_sigaction` in its log.cc): Ctrl-C ends the
process on the spot, without KeyboardInterrupt, and so does the death of any child that was killed
by a signal, such as a subprocess that ran into its timeout.

The processes that compile for it hear Ctrl-C as well, for a terminal sends it to the whole group;
one that dies of it while it holds the queue's lock lets the program hang at its end.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from typing import Any


def give_back() -> None:
    """Reinstall what Python had for SIGINT and SIGCHLD; only the main thread may, others do not."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGCHLD):
        handler = signal.getsignal(number)
        if handler is not None:
            signal.signal(number, handler)


def shield_workers(utils: Any) -> None:
    """Let the compiling processes that `jittor_utils` will start ignore SIGINT.

    They end with their parent, which hears of it. They are forked, as Jittor means them to be, also
    where this process was spawned, which makes spawning its default.
    """
    utils.Pool = multiprocessing.get_context("fork").Pool
    initialize = utils.pool_initializer

    def shielded() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        initialize()

    utils.pool_initializer = shielded
