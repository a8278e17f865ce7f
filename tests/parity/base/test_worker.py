"""Requests are answered, failures are distinguished, and no process is left behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parity.base.worker import RequestFailed, Worker, WorkerDied, first_to_answer

HERE = f"{__name__}:"


def echo(*arguments: Any) -> Callable[[Any], Any]:
    """Answer with the arguments, the request and a variable of the environment."""
    print("a line for people", flush=True)
    return lambda request: (*arguments, request, os.environ.get("PARITY_TEST"))


def failing_start(text: str) -> Callable[[Any], Any]:
    raise FileNotFoundError(text)


def misbehave(_: Any = None) -> Callable[[Any], Any]:
    """Return a handler that does what the request says."""

    def handler(request: str) -> Any:
        if request == "raise":
            raise ValueError("two\nlines")
        if request == "exit":
            print("last words", file=sys.stderr, flush=True)
            os._exit(3)
        if request == "abort":
            os.abort()
        if request == "exit, with a child that lives on":
            if not os.fork():
                signal.pause()
            os._exit(4)
        if request == "fork":
            return os.fork() or signal.pause()
        if request == "wait":
            signal.pause()
        if request == "answer with a function":
            return lambda: None
        return os.getpid()

    return handler


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An ended process whose parent has not asked for its status still has a number.
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while _exists(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


def test_a_request_is_answered_with_what_the_handler_returns(capfd) -> None:
    with Worker(HERE + "echo", 1, "two", environment={"PARITY_TEST": "set"}) as worker:
        worker.ready()
        assert worker.ask({"three": 3}) == (1, "two", {"three": 3}, "set")
        assert worker.ask(None) == (1, "two", None, "set")
    assert "PARITY_TEST" not in os.environ
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "a line for people\n")


def test_a_handler_that_raises_is_reported_and_answers_the_next_request() -> None:
    with Worker(HERE + "misbehave") as worker:
        with pytest.raises(RequestFailed, match=r"^ValueError: two lines$") as caught:
            worker.ask("raise")
        assert (caught.value.kind, caught.value.detail) == ("ValueError", "two lines")
        assert worker.ask("pid") == worker.pid


def test_an_answer_that_cannot_be_sent_is_a_failure_of_the_request() -> None:
    with Worker(HERE + "misbehave") as worker:
        with pytest.raises(RequestFailed, match=r"pickle|local object"):
            worker.ask("answer with a function")
        assert worker.ask("pid") == worker.pid


@pytest.mark.parametrize(
    ("start", "arguments", "text"),
    [
        ("failing_start", ["no such file"], "FileNotFoundError: no such file"),
        ("nowhere", [], "AttributeError: .*nowhere"),
    ],
)
def test_a_start_that_raises_answers_every_request(
    start: str, arguments: list[str], text: str
) -> None:
    with Worker(HERE + start, *arguments) as worker:
        for ask in (worker.ready, lambda: worker.ask(1)):
            with pytest.raises(RequestFailed, match=text):
                ask()


def test_an_argument_that_cannot_be_pickled_leaves_no_process() -> None:
    before = _children()
    with pytest.raises(Exception, match=r"pickle|local object"):
        Worker(HERE + "echo", lambda: None)
    assert _children() == before


def _children() -> set[str]:
    pid = os.getpid()
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ("exit", r"^the process died \(exit status 3\): last words$"),
        ("abort", r"^the process died \(signal 6\): no word$"),
        ("exit, with a child that lives on", r"^the process died \(exit status 4\): no word$"),
        ("wait", "^no answer within 3 s$"),
    ],
)
def test_a_death_is_reported_and_no_further_request_is_taken(request_: str, text: str) -> None:
    with Worker(HERE + "misbehave", patience=3, keep_stderr=True) as worker:
        worker.ready()
        with pytest.raises(WorkerDied, match=text):
            worker.ask(request_)
        assert not worker.alive
        with pytest.raises(WorkerDied, match="closed"):
            worker.ask("pid")
        assert not _exists(worker.pid)


def test_what_a_worker_has_forked_ends_with_it() -> None:
    with Worker(HERE + "misbehave") as worker:
        forked = worker.ask("fork")
        assert _exists(forked)
    _wait_until_gone(forked)


def test_one_of_several_that_dies_is_seen_at_once() -> None:
    with Worker(HERE + "misbehave") as waiting, Worker(HERE + "misbehave") as dying:
        for worker, what in ((waiting, "wait"), (dying, "exit")):
            worker.ready()
            worker.send(what)
        assert first_to_answer([waiting, dying], 60) == [dying]
        assert first_to_answer([waiting], 0.1) == []


@pytest.mark.parametrize("what", ["idle", "busy"])
def test_a_worker_that_is_dropped_ends(what: str) -> None:
    worker = Worker(HERE + "misbehave")
    worker.ready()
    if what == "busy":
        worker.send("wait")
    pid = worker.pid
    del worker
    gc.collect()
    assert not _exists(pid)


@pytest.mark.parametrize("what", ["idle", "busy"])
def test_a_worker_ends_with_a_parent_that_is_killed(what: str, tmp_path: Path) -> None:
    (tmp_path / "waits.py").write_text(
        "import signal\ndef start():\n    return lambda _: signal.pause()\n"
    )
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from parity.base.worker import Worker\n"
        "worker = Worker('waits:start'); worker.ready()\n"
        "if sys.argv[2] == 'busy': worker.send(1)\n"
        "print(worker.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    _wait_until_gone(pid)


def test_a_session_of_its_own_keeps_the_terminals_signals_from_it() -> None:
    with Worker(HERE + "misbehave") as worker:
        worker.ready()
        assert os.getsid(worker.pid) == worker.pid != os.getsid(0)
