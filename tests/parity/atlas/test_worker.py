from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parity.atlas.entry import Entry
from parity.atlas.finding import OUTPUT, AtlasCause, Finding
from parity.atlas.results import Program
from parity.atlas.survey import survey_entry
from parity.atlas.tasks import JudgeTask, ShowTask, Task
from parity.atlas.worker import TaskWorker
from parity.base.worker import WorkerDied
from parity.verdict import Verdict


def fatal_start() -> Callable[[Task], Any]:
    """Start a worker that one case ends, another stops, and the full program ends as well."""

    def perform(task: Task) -> Any:
        if isinstance(task, ShowTask):
            if task.mode != "reference only":
                os.abort()
            return dict.fromkeys(("torch", "jittor"), Program(code="p", output="q"))
        assert isinstance(task, JudgeTask)
        if task.case == "zeros":
            print("segmentation fault, it says", file=sys.stderr, flush=True)
            os.abort()
        if task.case == "nan":
            signal.pause()
        return [Finding(case=task.case, tensor=OUTPUT, verdict=Verdict.IDENTICAL)]

    return perform


def case(name: str) -> JudgeTask:
    return JudgeTask(group="group", entry="e", case=name)


@pytest.fixture
def worker() -> Iterator[TaskWorker]:
    with TaskWorker(f"{__name__}:fatal_start", patience=20) as started:
        yield started


def test_a_death_is_reported_and_the_next_task_is_answered(worker: TaskWorker) -> None:
    with pytest.raises(WorkerDied, match=r"signal 6\): segmentation fault, it says"):
        worker.ask(case("zeros"))
    assert worker.ask(case("ordinary"))[0].verdict is Verdict.IDENTICAL


def test_a_worker_that_does_not_answer_is_ended() -> None:
    with TaskWorker(f"{__name__}:fatal_start", patience=5) as worker:
        with pytest.raises(WorkerDied, match="no answer within 5 s"):
            worker.ask(case("nan"))
        assert worker.ask(case("ordinary"))


def test_a_crash_on_one_case_leaves_the_others_judged(worker: TaskWorker) -> None:
    entry = Entry(name="e", torch="x", jittor="x", cases=("ordinary", "zeros", "ties"))
    result = survey_entry(worker, "group", entry)
    assert result.verdict == "ERROR"
    assert [f.case for f in result.findings] == ["zeros"]
    assert result.findings[0].cause is AtlasCause.CRASH
    assert "the process died (signal 6)" in result.findings[0].candidate
    # Jittor's program ends the worker in every mode; the page says how it ended.
    assert result.programs["torch"].output == "q"
    assert "the process died (signal 6)" in result.programs["jittor"].output
