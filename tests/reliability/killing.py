"""Commands that are killed, with every process of their group, and started again."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Commands of PyTorch are forks of a process that has imported what takes seconds, so that most
# moments fall into the work itself. That process runs nothing in parallel: a fork lacks threads.
PRELOADED = ["torch._dynamo", "matplotlib.pyplot", "safetensors.numpy", "ddpm_cli.train"]
PRELOADED += ["ddpm_cli.sample", "ddpm_cli.reproduce", "ddpm_study.metrics", "impl_torch.train"]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(PRELOADED)
POLL = 0.004  # seconds between two looks at a running command


@dataclass(frozen=True)
class Command:
    """A command line, by default one of `ddpm`.

    Attributes:
        words: the arguments.
        start: the arguments of Python before them.
        variables: of its environment.
        forked: whether this `ddpm` is a fork of a prepared process, not a new interpreter.
    """

    words: tuple[str, ...]
    start: tuple[str, ...] = ("-c", "from ddpm_cli import start; start()")
    variables: Mapping[str, str] = field(default_factory=dict)
    forked: bool = False


@dataclass(frozen=True)
class Moment:
    """When to kill: after some seconds, or as soon as so many new files have been seen."""

    seconds: float = float("inf")
    files: float = float("inf")


@dataclass(frozen=True)
class Ending:
    """The end of a command.

    Attributes:
        status: its exit status, or minus the signal's number.
        seconds: that it took.
        files: names that appeared under its folder, temporary ones included, as far as seen.
        output: what it printed.
    """

    status: int
    seconds: float
    files: int
    output: str


def run(command: Command, watched: Path, moment: Moment | None = None) -> Ending:
    """Run a command to its end, or kill its process group at a moment.

    Args:
        command: what is run.
        watched: the folder in which new files are counted.
        moment: when it is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "output.txt"
        log.touch()  # the process may be killed before it opens it
        return _run(command, watched, moment or Moment(), log)


def _run(command: Command, watched: Path, moment: Moment, log: Path) -> Ending:
    before, seen, started = _names(watched), set[str](), time.monotonic()
    process = _Forked(command, log) if command.forked else _Started(command, log)
    try:
        while process.status() is None:
            process.wait(POLL)
            seen |= _names(watched) - before
            late = time.monotonic() - started >= moment.seconds or len(seen) >= moment.files
            if late and process.status() is None:
                _kill(process.pid)
                process.wait()
    finally:
        if process.status() is None:
            _kill(process.pid)
            process.wait()
    seconds, status = time.monotonic() - started, process.status()
    assert status is not None
    return Ending(status, seconds, len(seen), log.read_text(errors="replace"))


class _Forked:
    """A command that is a fork of the prepared process."""

    def __init__(self, command: Command, log: Path) -> None:
        self._process = FORKS.Process(target=_child, args=(command, str(log)))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def status(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> None:
        self._process.join(seconds)


class _Started:
    """A command in a new interpreter."""

    def __init__(self, command: Command, log: Path) -> None:
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command.start, *command.words],
                stdout=output,
                stderr=output,
                env={**os.environ, "OMP_NUM_THREADS": "1", **command.variables},
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        self.pid = self._process.pid

    def status(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float | None = None) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)


def draw_moment(generator: random.Random, unbroken: Ending) -> Moment:
    """Draw a moment of a run that takes about as long as an unbroken one."""
    if unbroken.files > 0 and generator.random() < 0.5:
        return Moment(files=generator.randint(1, unbroken.files))
    return Moment(seconds=generator.uniform(0, unbroken.seconds))


def kill_until_it_ends(
    command: Command,
    out: Path,
    generator: random.Random,
    unbroken: Ending,
    *,
    most: int,
    after_a_kill: Callable[[], Any],
) -> tuple[int, Ending]:
    """Run the same command, killed at drawn moments, until it ends by itself.

    Returns:
        The number of kills, at most `most`, and the last ending.
    """
    kills = 0
    while True:
        moment = draw_moment(generator, unbroken) if kills < most else None
        ending = run(command, out, moment)
        if ending.status != -signal.SIGKILL:
            return kills, ending
        kills += 1
        after_a_kill()


def _names(out: Path) -> set[str]:
    found = set()
    for folder, _, files in os.walk(out):
        found.update(os.path.join(folder, name) for name in files)
    return found


def _kill(pid: int) -> None:
    """Kill a process group, or its leader before it has made the group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)


def _child(command: Command, log: str) -> None:
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update({"OMP_NUM_THREADS": "1", **command.variables})
    sys.modules["torch"].set_num_threads(1)  # it was imported before the variable was set
    sys.argv = ["ddpm", *command.words]
    from ddpm_cli import start

    start()
