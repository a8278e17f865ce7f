"""Independent jobs done side by side, each by a process of its own on its share of the cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from tqdm import tqdm

from ddpm.errors import InputError

T = TypeVar("T")


def workers(wanted: int) -> int:
    """Return how many processes at a time there are for so many jobs."""
    return max(1, min(len(os.sched_getaffinity(0)), wanted))


def threads(wanted: int) -> int:
    """Return the threads of each: its share of the cores, or of what OMP_NUM_THREADS allows."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    in_all = int(allowed) if allowed.isdigit() else len(os.sched_getaffinity(0))
    return max(1, in_all // workers(wanted))


def run_in_parallel(jobs: Sequence[Callable[[], T]], wanted: int) -> list[T]:
    """Do jobs, several at a time; return what they return, in their order.

    Small models leave half of their cores idle: on two cores, two trainings of one thread each end
    in 0.6 of the time that they take with two threads one after the other.

    Each lane is a process, whose job is interrupted as this one is, or when another job fails, and
    which ends with this one however that ends. Where there is a single lane, all is done here.

    Args:
        jobs: pickled, with what they are partial to.
        wanted: how many lanes if there are as many cores; not fewer where only some jobs are left
            of a run that was broken off, for a sum over other threads is another sum.

    Raises:
        InputError: a process was ended from outside.
        Exception: what a job raised, once the others have stopped.
    """
    count = workers(wanted)
    if count < 2:
        return [job() for job in jobs]
    context = multiprocessing.get_context("spawn")
    lock, stopped = context.RLock(), context.Event()
    with ExitStack() as stack:
        pools, numbers = [], []
        for i in range(min(count, len(jobs))):
            pool = stack.enter_context(ProcessPoolExecutor(1, context, _begin, (lock, stopped)))
            with inheriting(_told(i, threads(wanted))):
                numbers.append(pool.submit(os.getpid))
            pools.append(pool)
        processes = [number.result() for number in numbers]
        done = [pools[i % len(pools)].submit(_do, job) for i, job in enumerate(jobs)]
        try:
            return [found.result() for found in done]
        except BaseException as error:
            stopped.set()
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGINT)
            if isinstance(error, BrokenProcessPool):
                raise InputError(
                    "a process of this run was ended from outside, as systems do where memory runs"
                    " out; the same command goes on from there"
                ) from None
            raise
        finally:
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[J")  # what bars of other lines have left below
                sys.stderr.flush()


def _told(lane: int, share: int) -> dict[str, str]:
    """Return what a process reads when it starts: its threads, and the line of its bars."""
    told = {"OMP_NUM_THREADS": str(share)}
    return {**told, "TQDM_POSITION": str(lane)} if sys.stderr.isatty() else told


_stopped: Event | None = None


def _begin(lock: Any, stopped: Event) -> None:
    """Leave the terminal's signals to the parent, and do not outlive it."""
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


def _do(job: Callable[[], T]) -> T:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _stopped is not None and _stopped.is_set():  # told before there was a job to interrupt
            raise KeyboardInterrupt
        return job()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def inheriting(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
