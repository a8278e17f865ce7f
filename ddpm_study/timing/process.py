"""A process that is timed: it does one work item when asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ddpm_study.timing.errors import MeasuringError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class TimedProcess:
    """The work of one timed process.

    Attributes:
        benchmark: what is timed, such as `training_step`.
        options: plain JSON values for the workload, such as `framework` and `config`.
        workload: `module:function`, which takes the benchmark and the options and returns a
            function that does one work item and waits until it is done.
        environment: variables added to the process's own.
    """

    benchmark: str
    options: Mapping[str, Any] = field(default_factory=dict)
    workload: str = "ddpm_study.timing.workloads:make"
    environment: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """A running timed process. Use as a context manager, or `close` it."""

    def __init__(self, name: str, process: TimedProcess) -> None:
        self.name = name
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ddpm_study.timing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **process.environment, "PYTHONPATH": path},
        )
        setup = {
            "workload": process.workload,
            "benchmark": process.benchmark,
            "options": dict(process.options),
        }
        try:
            self._ask(setup)
        except MeasuringError:
            self.close()
            raise

    def measure(self) -> tuple[float, int]:
        """Do one work item; return its seconds, and the process's peak memory so far in bytes.

        Raises:
            MeasuringError: the work raised, or the process died.
        """
        answer = self._ask({"run": True})
        return answer["seconds"], answer["peak_memory"]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise MeasuringError(
                f"the process that measures {self.name} died with status {self._process.wait()}"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MeasuringError(f"{self.name} cannot be measured: {answer['error']}")
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()  # the worker ends when its input does
        self._process.stdout.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
