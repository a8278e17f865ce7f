"""The other end of a worker: asks, waits, and outlives its death."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any

# Twenty times the slowest task that was measured, a recurrent network's first compilation.
PATIENCE = 300.0
COMMAND = (sys.executable, "-m", "parity.atlas.worker")


class WorkerDied(Exception):  # noqa: N818 - an event, and recorded as a finding
    """The worker ended, or did not answer; its text says how."""


class Worker:
    """A worker process, started when it is first asked, and again after it has died."""

    def __init__(self, command: Sequence[str] = COMMAND, patience: float = PATIENCE) -> None:
        self._command = list(command)
        self._patience = patience
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    def ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Send a task and return its answer.

        Raises:
            WorkerDied: there was none.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(self._patience):
                process.kill()
                self.close()
                raise WorkerDied(f"no answer within {self._patience:g} s")
        line = process.stdout.readline()
        if not line:
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            # Lives as long as the process does, and `close` closes both.
            self._errors = tempfile.TemporaryFile(  # noqa: SIM115
                "w+", encoding="utf-8", errors="replace"
            )
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for the one that asks
            )
        return self._process

    def _death(self) -> WorkerDied:
        assert self._process is not None
        assert self._errors is not None
        self._process.wait()
        status = self._process.returncode
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        self.close()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return WorkerDied(f"the process died ({how}): {lines[-1][:200] if lines else 'no word'}")
