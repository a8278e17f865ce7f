"""Performs tasks in a process of its own, because Jittor may end the process or never return."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np

from parity.atlas.backends import jittor_backend, torch_backend
from parity.atlas.tasks import Task, perform
from parity.base.worker import Worker

# Seconds to wait for an answer: twenty times the slowest task that was measured, the first
# compilation of a recurrent network.
PATIENCE = 300.0
# While one waits for the compiler, the other judges.
WORKERS = 2


def start() -> Callable[[Task], Any]:
    """Import both frameworks and return the function that performs a task."""
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    reference, candidate = torch_backend(), jittor_backend()
    return lambda task: perform(task, reference, candidate)


class TaskWorker:
    """A worker process, started for the first task and again after it has died.

    Args:
        start: `module:function`, see `parity.base.worker.Worker`.
        patience: seconds to wait for an answer.
    """

    def __init__(
        self, start: str = "parity.atlas.worker:start", patience: float = PATIENCE
    ) -> None:
        self._start, self._patience = start, patience
        self._worker: Worker | None = None

    def ask(self, task: Any) -> Any:
        """Send a task and return its answer.

        Raises:
            WorkerDied: the process ended, or gave no answer in time.
            RequestFailed: the task, or the start of the process, raised an exception.
        """
        if self._worker is None or not self._worker.alive:
            self._worker = Worker(self._start, patience=self._patience, keep_stderr=True)
        return self._worker.ask(task)

    def close(self) -> None:
        """End the process, if there is one."""
        if self._worker is not None:
            self._worker.close()

    def __enter__(self) -> TaskWorker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
