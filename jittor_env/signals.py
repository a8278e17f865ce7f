"""Signal handlers, given back to Python.

Importing Jittor installs handlers of its own (`register_sigaction` in its log.cc): Ctrl-C ends the
process on the spot, without KeyboardInterrupt, and so does the death of any child that was killed
by a signal, such as a subprocess that ran into its timeout.
"""

from __future__ import annotations

import signal
import threading


def give_back() -> None:
    """Reinstall what Python had for SIGINT and SIGCHLD; only the main thread may, others do not."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGINT, signal.SIGCHLD):
        handler = signal.getsignal(number)
        if handler is not None:
            signal.signal(number, handler)
