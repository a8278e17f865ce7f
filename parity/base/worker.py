"""A child process that answers requests.

`Worker("package.module:start", argument, ...)` starts a fresh interpreter. There `start` is called
with the arguments and returns a handler; each request is passed to the handler, and what it returns
is the answer.

Requests and answers are pickled: a process unpickles nothing but what it exchanges with its own
child. The child finds modules where this process does, in a zip file too.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import IO, Any, NoReturn

Handler = Callable[[Any], Any]
_CHILD = "import sys; sys.path[:] = {path!r}; from parity.base.worker import serve; serve()"

# Seconds between two looks at whether the process at the other end still exists: a pipe does not
# tell while forked children of that process hold it open.
CHECK_INTERVAL = 1.0
# Seconds that an idle worker has to end by itself, as Jittor's own children need to be ended.
GRACE = 5.0


class RequestFailed(Exception):  # noqa: N818 - an event that callers report in their own words
    """The handler raised, or `start` did. The worker is alive.

    Attributes:
        kind: name of the exception's class.
        detail: its text on one line, which may be empty.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail = kind, detail


class WorkerDied(Exception):  # noqa: N818 - likewise
    """The worker ended, or gave no answer in time and was ended.

    Attributes:
        how: such as `exit status 3`, `signal 9` or `no answer within 5 s`.
        last_line: the last line that it printed, if that was kept.
    """

    def __init__(self, how: str, *, last_line: str = "", ended: bool = True) -> None:
        text = f"the process died ({how})" if ended else how
        super().__init__(f"{text}: {last_line}" if last_line else text)
        self.how, self.last_line = how, last_line


class Worker:
    """A child process that answers requests. Use as a context manager, or `close` it.

    The process ends when it is closed, when this object is garbage, and when the process that
    started it ends, however that ends. It leads a session of its own, so that Ctrl-C reaches only
    the process that asks. What it prints goes to standard error.

    Args:
        start: `module:function`, called in the child with `arguments`; returns the handler.
        arguments: pickled, so a function among them must be one of a module, not of a script.
        environment: variables added to those of this process.
        patience: seconds to wait for an answer; None waits as long as the process exists.
        keep_stderr: do not show what the process prints; the last line is part of `WorkerDied`.
    """

    def __init__(
        self,
        start: str,
        *arguments: Any,
        environment: Mapping[str, str] | None = None,
        patience: float | None = None,
        keep_stderr: bool = False,
    ) -> None:
        self._patience = patience
        # Lives as long as the process does, and `close` closes both.
        self._printed = tempfile.TemporaryFile() if keep_stderr else None  # noqa: SIM115
        self._connection, far_end = Pipe()
        with far_end:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _CHILD.format(path=sys.path), str(far_end.fileno())],
                stdin=subprocess.PIPE,  # its end tells the child that this process has ended
                stdout=self._printed or 2,
                stderr=self._printed,
                env={**os.environ, **(environment or {})},
                pass_fds=[far_end.fileno()],
                start_new_session=True,
            )
        self._end = weakref.finalize(self, _end, self._process, self._connection, self._printed)
        try:
            with suppress(OSError):  # it has died already; the first request tells
                self._connection.send((start, arguments))
        except BaseException:  # an argument cannot be pickled
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the worker takes requests: it is neither closed nor known to be dead."""
        return self._end.alive

    @property
    def pid(self) -> int:
        """Process number, to which signals can be sent."""
        return self._process.pid

    def ready(self) -> None:
        """Wait until `start` has returned.

        Raises:
            RequestFailed: `start` raised.
            WorkerDied: the process ended, or no answer came within `patience`.
        """
        self._send(())
        self.receive()

    def ask(self, request: Any) -> Any:
        """Send a request and return its answer.

        Raises:
            RequestFailed: `start` or the handler raised.
            WorkerDied: the process ended, or no answer came within `patience`; it is closed then.
        """
        self.send(request)
        return self.receive()

    def send(self, request: Any) -> None:
        """Send a request, whose answer must be received before the next is sent.

        Raises:
            WorkerDied: the process has ended.
        """
        self._send((request,))

    def receive(self) -> Any:
        """Return the answer to the request that was sent.

        Raises:
            RequestFailed: `start` or the handler raised.
            WorkerDied: the process ended, or no answer came within `patience`; it is closed then.
        """
        if not first_to_answer([self], self._patience):
            _kill(self._process)
            self.close()
            raise WorkerDied(f"no answer within {self._patience:g} s", ended=False)
        try:
            if not self._connection.poll():
                raise EOFError
            failure, answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if failure is not None:
            raise RequestFailed(*failure)
        return answer

    def close(self) -> None:
        """End the process; a handler that is at work is not waited for."""
        self._end()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _send(self, message: tuple[Any, ...]) -> None:
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def _death(self) -> WorkerDied:
        if not self.alive:
            return WorkerDied("the worker is closed", ended=False)
        status = self._process.wait()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        last_line = "" if self._printed is None else _last_line(self._printed)
        self.close()
        return WorkerDied(how, last_line=last_line)


def first_to_answer(workers: Sequence[Worker], patience: float | None) -> list[Worker]:
    """Return the workers that have an answer, or have died, as soon as there is one.

    Args:
        workers: a request has been sent to each.
        patience: seconds after which the list is returned empty; None waits on.
    """
    deadline = time.monotonic() + (float("inf") if patience is None else patience)
    while True:
        closed_or_dead = [w for w in workers if not w.alive or w._process.poll() is not None]
        if closed_or_dead:
            return closed_or_dead
        left = deadline - time.monotonic()
        ready = wait([w._connection for w in workers], max(0.0, min(left, CHECK_INTERVAL)))
        if ready or left <= 0:
            return [w for w in workers if w._connection in ready]


def _last_line(printed: IO[bytes]) -> str:
    printed.seek(0)
    lines = printed.read().decode(errors="replace").splitlines()
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "no word")


def _end(
    process: subprocess.Popen[bytes], connection: Connection, printed: IO[bytes] | None
) -> None:
    connection.close()
    assert process.stdin is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    _kill(process)
    if printed is not None:
        printed.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all others of its session, which are its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


Failure = tuple[str, str]  # the class of an exception, and its text


class _Server:
    """The child's half: runs `start`, then answers each request with (failure or None, answer)."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.handler: Handler = _no_handler
        self.busy = True

    def serve(self) -> None:
        """Answer requests until the other end closes."""
        threading.Thread(target=self.end_with_parent, daemon=True).start()
        with suppress(_Closed):
            failure = self.start()
            while True:
                self.busy = False
                message, unreadable = self.receive()
                self.busy = True
                if failure or unreadable or not message:
                    self.send(failure or unreadable, None)
                else:
                    self.answer(*message)
        # Destructors may wait for processes that have ended already.
        atexit._run_exitfuncs()
        os._exit(0)

    def start(self) -> Failure | None:
        message, unreadable = self.receive()
        if unreadable:
            return unreadable
        (module, _, name), arguments = message[0].partition(":"), message[1]
        try:
            self.handler = getattr(import_module(module), name)(*arguments)
        except Exception as error:
            return _failure(error)
        return None

    def answer(self, request: Any) -> None:
        try:
            answer = self.handler(request)
        except Exception as error:
            self.send(_failure(error), None)
            return
        self.send(None, answer)

    def receive(self) -> tuple[Any, Failure | None]:
        try:
            return self.connection.recv(), None
        except (EOFError, OSError):
            raise _Closed from None
        except Exception as error:  # it names what this process does not have
            return None, _failure(error)

    def send(self, failure: Failure | None, answer: Any) -> None:
        try:
            self.connection.send((failure, answer))
        except OSError:
            raise _Closed from None
        except Exception as error:  # the answer cannot be pickled
            self.connection.send((_failure(error), None))

    def end_with_parent(self) -> None:
        """End this process and its children when the parent has ended or closed the worker."""
        parent = os.getppid()
        while os.getppid() == parent and not select.select([0], [], [], CHECK_INTERVAL)[0]:
            pass
        deadline = time.monotonic() + GRACE / 2
        while not self.busy and time.monotonic() < deadline:
            time.sleep(0.01)  # the main thread sees it too, and leaves in order
        os.killpg(0, signal.SIGKILL)


class _Closed(Exception):  # noqa: N818 - not an error
    """The parent has closed the worker, or has ended."""


def _no_handler(request: Any) -> NoReturn:
    raise AssertionError("`start` has not returned a handler")


def _failure(error: Exception) -> Failure:
    return type(error).__name__, " ".join(str(error).split())


def serve() -> None:
    """Answer requests in the process that a `Worker` has started, until it closes."""
    with Connection(int(sys.argv[1])) as inherited:
        os.set_inheritable(inherited.fileno(), False)
        _Server(inherited).serve()
