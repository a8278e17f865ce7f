"""A process that is timed: it does one work item when asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import TracebackType
from typing import Any

from ddpm.memory import peak_memory
from ddpm_study.timing.errors import MeasuringError
from parity.base.worker import RequestFailed, Worker, WorkerDied

WorkItem = Callable[[], None]


@dataclass(frozen=True)
class TimedProcess:
    """The work of one timed process.

    Attributes:
        benchmark: what is timed, such as `training_step`.
        options: plain values for the workload, such as `framework` and `config`.
        workload: `module:function`, which takes the benchmark and the options and returns a
            function that does one work item and waits until it is done.
        environment: variables added to the process's own.
    """

    benchmark: str
    options: Mapping[str, Any] = field(default_factory=dict)
    workload: str = "ddpm_study.timing.workloads:make"
    environment: Mapping[str, str] = field(default_factory=dict)


class RunningProcess:
    """A timed process that is running. Use as a context manager, or `close` it."""

    def __init__(self, name: str, process: TimedProcess) -> None:
        """Start the process, and wait until its work is set up.

        Raises:
            MeasuringError: the set-up raised, or the process died.
        """
        self.name = name
        self._worker = Worker(
            f"{__name__}:start",
            process.workload,
            process.benchmark,
            dict(process.options),
            environment=process.environment,
        )
        try:
            self._call(self._worker.ready)
        except MeasuringError:
            self.close()
            raise

    def measure(self) -> tuple[float, int]:
        """Do one work item; return its seconds, and the process's peak memory so far in bytes.

        Raises:
            MeasuringError: the work raised, or the process died.
        """
        seconds, memory = self._call(self._worker.ask, None)
        return seconds, memory

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except RequestFailed as error:
            raise MeasuringError(f"{self.name} cannot be measured: {error}") from None
        except WorkerDied as error:
            raise MeasuringError(
                f"the process that measures {self.name} died ({error.how})"
            ) from None

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def __enter__(self) -> RunningProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def start(
    workload: str, benchmark: str, options: dict[str, Any]
) -> Callable[[object], tuple[float, int]]:
    """Set up a workload; return the function that measures it; see `parity.base.worker`."""
    module, _, name = workload.partition(":")
    item: WorkItem = getattr(import_module(module), name)(benchmark, options)

    def measure(_: object) -> tuple[float, int]:
        begin = time.perf_counter()
        item()
        seconds = time.perf_counter() - begin
        return seconds, peak_memory()

    return measure
