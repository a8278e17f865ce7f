"""Independent jobs in parallel processes, each on its share of the cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from tqdm import tqdm

from ddpm.errors import InputError
from parity.trajectories.processes import inheriting

T = TypeVar("T")


def worker_count(wanted: int) -> int:
    """Return the number of workers for so many jobs: one for each core at most."""
    return max(1, min(len(os.sched_getaffinity(0)), wanted))


def threads(wanted: int) -> int:
    """Return the threads of each worker: its share of OMP_NUM_THREADS, or else of the cores."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    total = int(allowed) if allowed.isdigit() else len(os.sched_getaffinity(0))
    return max(1, total // worker_count(wanted))


def run_in_parallel(jobs: Sequence[Callable[[], T]], wanted: int) -> list[T]:
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
        InputError: a worker was killed from outside.
        Exception: the exception of a job, once the others have stopped.
    """
    count = worker_count(wanted)
    if count < 2:
        return [job() for job in jobs]
    context = multiprocessing.get_context("spawn")
    lock, stopped = context.RLock(), context.Event()
    with ExitStack() as stack:
        pools, started = [], []
        for i in range(min(count, len(jobs))):
            pool = stack.enter_context(ProcessPoolExecutor(1, context, _start, (lock, stopped)))
            with inheriting(_environment(i, threads(wanted))):
                started.append(pool.submit(os.getpid))
            pools.append(pool)
        processes = [pid.result() for pid in started]
        results = [pools[i % len(pools)].submit(_run, job) for i, job in enumerate(jobs)]
        try:
            return [result.result() for result in results]
        except BaseException as error:
            stopped.set()
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
            if isinstance(error, BrokenProcessPool):
                raise InputError(
                    "a process of this run was ended from outside, as systems do where memory runs"
                    " out; run the same command again to go on from there"
                ) from None
            raise
        finally:
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[J")  # clear the other workers' progress bars below
                sys.stderr.flush()


def _environment(worker: int, share: int) -> dict[str, str]:
    """Return the variables of a worker: its threads, and the line of its progress bars."""
    variables = {"OMP_NUM_THREADS": str(share)}
    return {**variables, "TQDM_POSITION": str(worker)} if sys.stderr.isatty() else variables


_stopped: Event | None = None


def _start(lock: Any, stopped: Event) -> None:
    """Leave the terminal's signals to the parent, and end when the parent ends."""
    global _stopped
    _stopped = stopped
    tqdm.set_lock(lock)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run(job: Callable[[], T]) -> T:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # The interrupt may have come before this job began, while SIGINT was ignored.
        if _stopped is not None and _stopped.is_set():
            raise KeyboardInterrupt
        return job()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
