"""Does the jobs of an audit in processes of their own, each of which runs one at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from audit.results.code import digest
from ddpm.errors import InputError

Record = dict[str, Any]
# A key that stays the same from run to run, and the function that makes the record.
Job = tuple[str, Callable[[], Record]]
Source = Callable[[], Iterable[Job]]
GRACE = 5.0  # seconds in which a process may end by itself


@dataclass
class _Worker:
    """A process, seen from the one that started it.

    Attributes:
        process: the process.
        tasks: takes keys there and brings records back.
        life: stays open while the process is wanted.
        key: of the job that it is at; empty while it starts.
    """

    process: SpawnProcess
    tasks: Connection
    life: Connection
    key: str = ""


def results(
    source: Source, keys: Sequence[str], *, processes: int, code: str
) -> Iterator[tuple[str, Record]]:
    """Do jobs in several processes, and yield each key and record as soon as it is made.

    When the caller stops, is interrupted or dies, the processes end.

    Args:
        source: lists all jobs; it is called in each process, for a job itself cannot be sent.
        keys: of the jobs to be done.
        processes: how many to start; no more than there are jobs.
        code: the caller's version, which the processes must have too.

    Raises:
        InputError: a process ended, or runs other code.
    """
    waiting = deque(keys)
    workers: list[_Worker] = []
    try:
        for _ in range(min(processes, len(keys))):
            workers.append(_start(source))
        busy = {worker.tasks: worker for worker in workers}
        while busy:
            for tasks in wait(list(busy)):
                worker = busy[tasks]  # type: ignore[index] # only connections were given to it
                try:
                    said = worker.tasks.recv()
                except EOFError:
                    raise _ended(worker) from None
                if worker.key:
                    yield worker.key, said
                elif said != code:
                    raise InputError("the code was changed while the audit started: start it again")
                if waiting:
                    worker.key = waiting.popleft()
                    worker.tasks.send(worker.key)
                else:
                    del busy[worker.tasks]
    finally:
        _end(workers)


def _start(source: Source) -> _Worker:
    context = multiprocessing.get_context("spawn")
    tasks, its_tasks = context.Pipe()
    its_life, life = context.Pipe(duplex=False)
    # Not a daemon: such a process may have no children, and Jittor compiles in some.
    process = context.Process(target=_work, args=(source, its_tasks, its_life), daemon=False)
    process.start()
    its_tasks.close()  # so that the end of the process is the end of the pipe
    its_life.close()
    return _Worker(process, tasks, life)


def _ended(worker: _Worker) -> InputError:
    worker.process.join()
    at = f"at {worker.key}" if worker.key else "as it started"
    return InputError(
        f"a process of the audit ended {at}, with exit status {worker.process.exitcode}; the"
        " records made so far are kept, and the same command goes on from there"
    )


def _end(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.life.close()
        worker.tasks.close()
    for worker in workers:
        worker.process.join(GRACE)
        worker.process.kill()
        worker.process.join()


def _work(source: Source, tasks: Connection, life: Connection) -> None:
    """Do the jobs whose keys arrive, until the other process is gone or wants no more."""
    # Ctrl-C reaches every process of a terminal; the first one then ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    tasks.send(digest())
    jobs = dict(source())
    with contextlib.suppress(EOFError):
        while True:
            tasks.send(jobs[tasks.recv()]())


def _end_with(life: Connection) -> None:
    """End this process and its children, in whatever they are, once a pipe is closed."""
    with contextlib.suppress(EOFError):
        life.recv()
    for child in multiprocessing.active_children():
        child.kill()
    os._exit(1)
