"""Signal handlers: Python gets its own back, and compiling processes ignore Ctrl-C.

Importing Jittor installs handlers of its own (`register_sigaction` in its log.cc): Ctrl-C ends the
process at once, without KeyboardInterrupt, and so does the end of any child that was killed by a
signal, such as a subprocess that exceeded its timeout.

The processes that compile for it receive Ctrl-C as well, since a terminal sends it to the process
group. If one ends while it holds the queue's lock, the program hangs when it exits.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from typing import Any


def give_back() -> None:
    """Reinstall Python's handlers of SIGINT and SIGCHLD. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGCHLD):
        handler = signal.getsignal(number)
        if handler is not None:
            signal.signal(number, handler)


def shield_workers(utils: Any) -> None:
    """Make the compiling processes that `jittor_utils` will start ignore SIGINT.

    They end with their parent, which receives it. They are forked, as Jittor expects, also in a
    process that was spawned, where spawning is the default.
    """
    utils.Pool = multiprocessing.get_context("fork").Pool
    initialize = utils.pool_initializer

    def shielded() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        initialize()

    utils.pool_initializer = shielded
