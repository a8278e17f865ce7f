"""Independent jobs in parallel processes, each on its share of the cores."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from ddpm.errors import InputError
from parity.base.worker import RequestFailed, Worker, WorkerDied, first_to_answer

T = TypeVar("T")
Job = Callable[[], T]


def worker_count(wanted: int) -> int:
    """Return the number of workers for so many jobs: one for each core at most."""
    return max(1, min(len(os.sched_getaffinity(0)), wanted))


def threads(wanted: int) -> int:
    """Return the threads of each worker: its share of OMP_NUM_THREADS, or else of the cores."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    total = int(allowed) if allowed.isdigit() else len(os.sched_getaffinity(0))
    return max(1, total // worker_count(wanted))


def run_in_parallel(jobs: Sequence[Job[T]], wanted: int) -> list[T]:
    """Run jobs, several at a time; return their results in the order of the jobs.

    Small models leave half of the cores idle: on two cores, two trainings with one thread each take
    0.6 of the time of the same two with two threads, one after the other.

    Each worker is a process. Its job is interrupted when this process is, or when another job
    fails, and it ends with this process however that ends. With a single worker, the jobs run in
    this process.

    Args:
        jobs: picklable functions.
        wanted: number of workers if there are as many cores. Pass the same number when only some
            jobs of an interrupted run are left: it decides the threads of each, and sums over
            another number of threads round differently.

    Raises:
        InputError: a worker was killed from outside, or could not start.
        Exception: the exception of a job, once the others have stopped.
    """
    count = worker_count(wanted)
    if count < 2:
        return [job() for job in jobs]
    with ExitStack() as stack:
        lock = stack.enter_context(tempfile.NamedTemporaryFile()).name
        workers = [
            stack.enter_context(
                Worker(f"{__name__}:start", lock, environment=_environment(i, threads(wanted)))
            )
            for i in range(min(count, len(jobs)))
        ]
        try:
            return _results(jobs, workers)
        except WorkerDied:
            raise InputError(
                "a process of this run was ended from outside, as systems do where memory runs out;"
                " run the same command again to go on from there"
            ) from None
        except RequestFailed as error:
            raise InputError(f"a process of this run could not start: {error}") from None
        finally:
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[J")  # clear the other workers' progress bars below
                sys.stderr.flush()


def _results(jobs: Sequence[Job[T]], workers: Sequence[Worker]) -> list[T]:
    """Give each idle worker the next job until all are done; interrupt all when one fails."""
    waiting = list(enumerate(jobs))[::-1]
    idle, busy = list(workers)[::-1], dict[Worker, int]()
    results: dict[int, T] = {}
    try:
        while len(results) < len(jobs):
            while idle and waiting:
                worker, (number, job) = idle.pop(), waiting.pop()
                worker.send(job)
                busy[worker] = number
            for worker in first_to_answer(list(busy), None):
                number = busy.pop(worker)
                outcome = worker.receive()
                if outcome.error is not None:
                    raise outcome.error from _JobTraceback(outcome.trace)
                results[number] = outcome.value
                idle.append(worker)
    except BaseException:
        _interrupt(list(busy))
        raise
    return [results[number] for number in range(len(jobs))]


def _interrupt(workers: Sequence[Worker]) -> None:
    """Interrupt the jobs of workers, and wait until they have stopped."""
    running = [worker for worker in workers if worker.alive]
    for worker in running:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGINT)
    for worker in running:
        with suppress(RequestFailed, WorkerDied):
            worker.receive()


def _environment(worker: int, share: int) -> dict[str, str]:
    """Return the variables of a worker: its threads, and the line of its progress bars."""
    variables = {"OMP_NUM_THREADS": str(share)}
    return {**variables, "TQDM_POSITION": str(worker)} if sys.stderr.isatty() else variables


@dataclass(frozen=True)
class _Outcome:
    """The outcome of a job in its worker: a value, or an error and its traceback as text."""

    value: Any = None
    error: BaseException | None = None
    trace: str = ""


class _JobTraceback(Exception):  # noqa: N818 - the cause of an error, never raised by itself
    """The traceback of an error in the worker where it was raised."""


def start(lock: str) -> Callable[[Job[Any]], _Outcome]:
    """Return the function that runs jobs in a worker; see `parity.base.worker`.

    Args:
        lock: path of a file that is locked while a progress bar is drawn.
    """
    if "TQDM_POSITION" in os.environ:
        tqdm.set_lock(_FileLock(Path(lock)))
    runner = _JobRunner()
    signal.signal(signal.SIGINT, runner.interrupt)
    return runner.run


class _JobRunner:
    """Runs jobs in a worker. An interrupt that comes between two jobs stops the next one."""

    def __init__(self) -> None:
        self._running = self._interrupted = False

    def interrupt(self, *_: object) -> None:
        """Handle SIGINT."""
        self._interrupted = True
        if self._running:
            raise KeyboardInterrupt

    def run(self, job: Job[Any]) -> _Outcome:
        """Run a job; return its value or its error."""
        try:
            self._running = True
            if self._interrupted:
                raise KeyboardInterrupt
            return _Outcome(job())
        except BaseException as error:
            self._running = False
            return _Outcome(error=error, trace=traceback.format_exc())
        finally:
            self._running = False


class _FileLock:
    """A re-entrant lock between processes, so that their progress bars do not mix."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._thread_lock, self._depth = threading.RLock(), 0

    def acquire(self, *_: object) -> bool:
        """Lock; tqdm's own arguments are for locks that may fail."""
        self._thread_lock.acquire()
        try:
            if self._depth == 0:
                fcntl.flock(self._file, fcntl.LOCK_EX)
            self._depth += 1
        except BaseException:  # interrupted while waiting
            self._thread_lock.release()
            raise
        return True

    def release(self) -> None:
        """Unlock."""
        self._depth -= 1
        if self._depth == 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._thread_lock.release()

    def __enter__(self) -> _FileLock:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
