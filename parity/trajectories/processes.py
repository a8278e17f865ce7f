"""One side of a trajectory that runs in several processes, which must be equal to the bit."""

from __future__ import annotations

import hashlib
import socket
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple, NoReturn

import numpy as np

from parity.base.numerics import Array, Precision
from parity.base.worker import RequestFailed, Worker, WorkerDied, first_to_answer
from parity.errors import CannotCompare
from parity.trajectories.trajectory import State, Stepper

PATIENCE = 120.0  # seconds for an answer; a process that waits for another would wait for ever

MakeStepper = Callable[[Precision], Stepper]


def in_processes(make: MakeStepper, size: int, *, patience: float = PATIENCE) -> MakeStepper:
    """Return a builder of steppers that each run in `size` processes as one.

    The processes find each other by the environment variables that torchrun sets. The steppers of
    both precisions share them, and they end with the last stepper.

    Args:
        make: builds the stepper of one process; pickled, so a function of a module or a `partial`
            of one.
        size: number of processes.
        patience: seconds after which a process that gives no answer is given up.
    """
    started: weakref.WeakSet[_Processes] = weakref.WeakSet()

    def make_together(precision: Precision) -> Stepper:
        running = next((p for p in started if p.alive), None) or _Processes(make, size, patience)
        started.add(running)
        return StepperInProcesses(running, precision)

    return make_together


class StepperInProcesses:
    """The steppers of one precision in all processes, as one stepper.

    Raises:
        CannotCompare: by every method: a process raised, ended or gave no answer, or two of them
            are not equal to the bit.
    """

    def __init__(self, processes: _Processes, precision: Precision) -> None:
        self._processes, self._precision = processes, precision
        self._ask("make")

    def state(self) -> State:
        """Return a copy of the state of the first process."""
        return self._ask("state")

    def load(self, state: State) -> None:
        """Let every process continue from the same state."""
        self._ask("load", dict(state))

    def step(self, number: int) -> State:
        """Let every process take step `number`; return what the first reports."""
        return self._ask("step", number)

    def _ask(self, method: str, *arguments: Any) -> State:
        return self._processes.ask(Request(self._precision, method, arguments))


class Request(NamedTuple):
    """A stepper's method and its arguments; the method `make` builds the stepper."""

    precision: Precision
    method: str
    arguments: tuple[Any, ...]


class Answer(NamedTuple):
    """The result of a method: the first process's arrays, and all processes' digests."""

    values: State | None
    digests: Mapping[str, str]


class _Processes:
    def __init__(self, make: MakeStepper, size: int, patience: float) -> None:
        self._patience = patience
        port = _free_port()
        with ExitStack() as stack:
            self._workers = [
                stack.enter_context(
                    Worker(
                        "parity.trajectories.processes:serve",
                        *(make, rank),
                        environment=_torchrun_environment(rank, size, port),
                    )
                )
                for rank in range(size)
            ]
            self._close = stack.pop_all().close

    @property
    def alive(self) -> bool:
        return all(worker.alive for worker in self._workers)

    def ask(self, request: Request) -> State:
        for rank, worker in enumerate(self._workers):
            try:
                worker.send(request)
            except WorkerDied as death:
                self._give_up(f"process {rank} ended ({death.how})")
        return self._gather()

    def _gather(self) -> State:
        answers: dict[int, Answer] = {}
        waiting = list(self._workers)
        while waiting:
            ready = first_to_answer(waiting, self._patience)
            if not ready:
                self._give_up(f"no answer within {self._patience:g} s")
            for worker in ready:
                rank = self._workers.index(worker)
                answers[rank] = self._answer(rank)
                waiting.remove(worker)
        self._require_equal(answers)
        return answers[0].values or {}

    def _answer(self, rank: int) -> Answer:
        try:
            answer: Answer = self._workers[rank].receive()
        except WorkerDied as death:
            self._give_up(f"process {rank} ended ({death.how})")
        except RequestFailed as failure:
            self._give_up(f"process {rank} raised: {failure}")
        return answer

    def _require_equal(self, answers: Mapping[int, Answer]) -> None:
        first = answers[0].digests
        for rank, (_, digests) in answers.items():
            unequal = [n for n in {**first, **digests} if first.get(n) != digests.get(n)]
            if unequal:
                self._give_up(f"processes 0 and {rank} are not equal to the bit in {unequal[0]!r}")

    def _give_up(self, reason: str) -> NoReturn:
        self._close()
        raise CannotCompare(f"of {len(self._workers)} processes: {reason}")


def _torchrun_environment(rank: int, size: int, port: int) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(make: MakeStepper, rank: int) -> Callable[[Request], Answer]:
    """Return the handler of one process; see `parity.base.worker`."""
    steppers: dict[Precision, Stepper] = {}

    def handle(request: Request) -> Answer:
        returned: State | None = None
        if request.method == "make":
            steppers[request.precision] = make(request.precision)
        else:
            returned = getattr(steppers[request.precision], request.method)(*request.arguments)
        values = {name: np.asarray(value) for name, value in (returned or {}).items()}
        return Answer(values if rank == 0 else None, _digests(values))

    return handle


def _digests(values: Mapping[str, Array]) -> dict[str, str]:
    return {
        name: f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        for name, value in values.items()
    }
