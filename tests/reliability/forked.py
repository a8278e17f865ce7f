"""Run commands in forks of one process that has imported everything once.

`python -m tests.reliability.forked` reads a request on each line of standard input, and answers on
a line of standard output. A fork costs milliseconds where an import of PyTorch costs seconds, and
is otherwise a process like any other: it has its own folder, streams, limits, exit status and peak
memory, and can be ended where it hangs.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# A guard for the machine; what a case may use is judged from its peak.
MOST_DATA = 8 << 30


@dataclass(frozen=True)
class Outcome:
    """The end of a command.

    Attributes:
        status: exit status, negative for a signal.
        hung: whether it was ended because its time was over.
        peak: largest resident memory, in bytes, of it or of a process that it started.
        seconds: from start to end.
        out, err: what it wrote.
    """

    status: int
    hung: bool
    peak: int
    seconds: float
    out: str
    err: str


class Forks:
    """A process that runs commands in forks of itself."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HOME": str(scratch / "home"),
            "XDG_CACHE_HOME": str(scratch / "cache"),
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
            "OMP_NUM_THREADS": "1",
            "JITTOR_HOME": os.environ.get("JITTOR_HOME", str(Path.home())),
        }
        for name in ("DDPM_INCEPTION_WEIGHTS", "GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"):
            environment.pop(name, None)
        self.environment = environment
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment,
            text=True,
        )

    def run(self, words: tuple[str, ...], folder: Path, *, limit: float) -> Outcome:
        """Run a command in a folder; end it after `limit` seconds."""
        out, err = self._scratch / "out", self._scratch / "err"
        request = {"words": words, "folder": str(folder), "limit": limit}
        request |= {"out": str(out), "err": str(err)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Outcome(**answer, out=_text(out), err=_text(err))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def alone(words: tuple[str, ...], folder: Path, forks: Forks, *, limit: float) -> Outcome:
    """Run a command in a process of its own, as a user's shell does."""
    program = f"from tests.reliability.forked import start; start({words!r})"
    before = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        env=forks.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    hung = False
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    texts = [stream.decode(errors="backslashreplace") for stream in (out, err)]
    return Outcome(process.returncode, hung, 0, time.monotonic() - before, *texts)


def start(words: tuple[str, ...]) -> Any:
    """Run a program in this process, as its console script does."""
    program, *arguments = words
    sys.argv = [program, *arguments]
    sys.modules["__main__"].__package__ = None  # from which click would make another name
    if program == "ddpm":
        from ddpm_cli import start as run

        return run()
    if program == "parity":
        from parity.cli import main as compare

        sys.exit(compare())
    if program == "audit":
        from audit.__main__ import main as audit

        return audit(prog_name="audit")
    from bench.__main__ import main as bench

    return bench(prog_name="bench")


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="backslashreplace")


def _preload() -> None:
    """Import what the commands import; no thread may start here, since a fork loses threads."""
    import torch._dynamo  # noqa: F401

    from ddpm_cli.program import COMMANDS, MODULES
    from ddpm_study.metrics import choose, features, score  # noqa: F401
    from impl_torch import sample, train  # noqa: F401

    for name in COMMANDS:
        __import__(f"ddpm_cli.{MODULES.get(name, name)}")


def _serve() -> None:
    _preload()
    for line in sys.stdin:
        request = json.loads(line)
        before = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _child(request)
        handle = os.pidfd_open(pid)
        ready, _, _ = select.select([handle], [], [], request["limit"])
        os.close(handle)
        hung = not ready
        _end(pid)
        _, status, usage = os.wait4(pid, 0)
        answer = {
            "status": os.waitstatus_to_exitcode(status),
            "hung": hung,
            "peak": usage.ru_maxrss * 1024,
            "seconds": time.monotonic() - before,
        }
        print(json.dumps(answer), flush=True)


def _end(group: int) -> None:
    """End a child and whatever it has started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _child(request: dict[str, Any]) -> None:
    status = 1
    try:
        os.setsid()
        os.chdir(request["folder"])
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, path, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            (2, request["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        ):
            handle = os.open(path, flags)
            os.dup2(handle, number)
            os.close(handle)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(0, closefd=False),
            os.fdopen(1, "w", closefd=False, errors="strict"),
            os.fdopen(2, "w", closefd=False, errors="backslashreplace", buffering=1),
        )
        status = _status(tuple(request["words"]))
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _status(words: tuple[str, ...]) -> int:
    """Run a program and return the exit status that Python would give."""
    try:
        start(words)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    _serve()
