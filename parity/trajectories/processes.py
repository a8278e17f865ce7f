"""One side of a course that runs in several processes, which must be equal to the bit."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import socket
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

import numpy as np

from parity.base.numerics import Array, Precision
from parity.errors import CannotCompare, one_line
from parity.trajectories.trajectory import State, Stepper

PATIENCE = 120.0  # seconds for an answer; a process that waits for another would wait for ever


Make = Callable[[Precision], Stepper]


def in_processes(make: Make, size: int, *, patience: float = PATIENCE) -> Make:
    """Return what makes a stepper of `size` processes that find each other as torchrun's do.

    Those of both precisions share their processes, which end with the last of them.

    Args:
        make: builds one process's stepper; pickled, so a function of a module or a `partial` of it.
        size: how many processes.
        patience: seconds until a process that gives no answer is given up.
    """
    running: weakref.WeakSet[_Processes] = weakref.WeakSet()

    def together(precision: Precision) -> Stepper:
        found = next((p for p in running if p.alive), None) or _Processes(make, size, patience)
        running.add(found)
        return Together(found, precision)

    return together


class Together:
    """One precision's steppers in all processes as one.

    Raises:
        CannotCompare: by every method: a process raised, ended or gave no answer, or two of them
            are not equal to the bit.
    """

    def __init__(self, processes: _Processes, precision: Precision) -> None:
        self._processes, self._precision = processes, precision
        self._ask("make")

    def state(self) -> State:
        """Copy the state of the first process out."""
        return self._ask("state")

    def load(self, state: State) -> None:
        """Give each process the same state."""
        self._ask("load", dict(state))

    def step(self, number: int) -> State:
        """Let each take step `number`; return what the first reports."""
        return self._ask("step", number)

    def _ask(self, what: str, *arguments: Any) -> State:
        return self._processes.ask(self._precision, what, arguments)


class _Processes:
    def __init__(self, make: Make, size: int, patience: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._patience = patience
        self._ends: list[Connection] = []
        running: list[BaseProcess] = []
        self._finalizer = weakref.finalize(self, _end, running, self._ends)
        port = _free_port()
        for rank in range(size):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, make, rank), daemon=True)
            with inheriting(_as_torchrun(rank, size, port)):
                process.start()
            there.close()
            running.append(process)
            self._ends.append(here)

    @property
    def alive(self) -> bool:
        return self._finalizer.alive

    def ask(self, precision: Precision, what: str, arguments: tuple[Any, ...]) -> State:
        for rank, end in enumerate(self._ends):
            try:
                end.send((precision, what, arguments))
            except OSError:
                self._give_up(f"process {rank} ended")
        return self._gather()

    def _gather(self) -> State:
        answers: dict[int, Any] = {}
        while len(answers) < len(self._ends):
            missing = [end for rank, end in enumerate(self._ends) if rank not in answers]
            ready = wait(missing, self._patience)
            if not ready:
                self._give_up(f"no answer within {self._patience:g} s")
            for end in ready:
                rank = self._ends.index(end)  # type: ignore[arg-type]
                answers[rank] = self._answer(rank)
        self._require_equal(answers)
        first: State = answers[0][0]
        return first

    def _answer(self, rank: int) -> tuple[State | None, dict[str, str]]:
        try:
            error, values, digests = self._ends[rank].recv()
        except (EOFError, OSError):
            error = "ended"
        if error is not None:
            self._give_up(f"process {rank} {error}")
        return values, digests

    def _require_equal(self, answers: Mapping[int, Any]) -> None:
        first = answers[0][1]
        for rank, (_, digests) in answers.items():
            apart = [n for n in {**first, **digests} if first.get(n) != digests.get(n)]
            if apart:
                self._give_up(f"processes 0 and {rank} are not equal to the bit in {apart[0]!r}")

    def _give_up(self, why: str) -> NoReturn:
        self._finalizer()
        raise CannotCompare(f"of {len(self._ends)} processes: {why}")


@contextmanager
def inheriting(told: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _as_torchrun(rank: int, size: int, port: int) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(end: Connection, make: Make, rank: int) -> None:
    """Answer (error or None, values of the first process, digests) until the other end closes."""
    steppers: dict[Precision, Stepper] = {}
    while True:
        try:
            precision, what, arguments = end.recv()
        except (EOFError, OSError):
            os._exit(0)  # not to wait for processes that have ended already
        try:
            found: State | None = None
            if what == "make":
                steppers[precision] = make(precision)
            else:
                found = getattr(steppers[precision], what)(*arguments)
            values = {name: np.asarray(value) for name, value in (found or {}).items()}
            end.send((None, values if rank == 0 else None, _digests(values)))
        except Exception as error:
            end.send((f"raised: {one_line(error)}", None, {}))


def _digests(values: Mapping[str, Array]) -> dict[str, str]:
    return {
        name: f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        for name, value in values.items()
    }


def _end(running: list[BaseProcess], ends: list[Connection]) -> None:
    for end in ends:
        end.close()
    for process in running:
        process.join(2)
        if process.is_alive():  # it waits for one that has ended
            process.kill()
            process.join()
