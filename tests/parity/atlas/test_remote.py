from __future__ import annotations

import sys

import pytest

from parity.atlas.entry import Entry
from parity.atlas.finding import Cause
from parity.atlas.remote import Worker, WorkerDied
from parity.atlas.survey import survey_entry

# Answers like a worker, but dies of one case and never answers another.
STAND_IN = """
import json, os, sys, time
for line in sys.stdin:
    task = json.loads(line)
    if task.get("case") == "zeros" and "mode" not in task:
        sys.stderr.write("segmentation fault, they say\\n"); sys.stderr.flush(); os.abort()
    if task.get("case") == "nan":
        time.sleep(60)
    finding = {"case": task.get("case"), "quantity": "output", "label": "", "verdict": "IDENTICAL",
               "cause": "agreement"}
    program = {"code": "p", "output": "q"}
    programs = {"torch": program, "jittor": program}
    if task.get("mode") in ("minimised", "full"):
        os.abort()
    print(json.dumps({"findings": [finding], "programs": programs}), flush=True)
"""


@pytest.fixture
def worker():
    with Worker((sys.executable, "-c", STAND_IN), patience=3) as started:
        yield started


def test_a_death_is_told_and_the_next_task_is_answered(worker: Worker) -> None:
    with pytest.raises(WorkerDied, match=r"signal 6\): segmentation fault, they say"):
        worker.ask({"case": "zeros"})
    assert worker.ask({"case": "ordinary"})["findings"][0]["verdict"] == "IDENTICAL"


def test_one_that_does_not_answer_is_ended(worker: Worker) -> None:
    with pytest.raises(WorkerDied, match="no answer within 3 s"):
        worker.ask({"case": "nan"})
    assert worker.ask({"case": "ordinary"})["findings"]


def test_a_crash_on_one_case_leaves_the_others_judged(worker: Worker) -> None:
    entry = Entry(name="e", torch="x", jittor="x", cases=("ordinary", "zeros", "ties"))
    result = survey_entry(worker, "group", entry)
    assert result.verdict == "ERROR"
    assert [f.case for f in result.findings] == ["zeros"]
    assert result.findings[0].cause is Cause.CRASH
    assert "the process died (signal 6)" in result.findings[0].candidate
    # Jittor's program ends the worker in every mode; the page says how it ended.
    assert result.programs["torch"].output == "q"
    assert "the process died (signal 6)" in result.programs["jittor"].output
