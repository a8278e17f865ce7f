from __future__ import annotations

import sys

import pytest

from parity.atlas.entry import Entry
from parity.atlas.remote import Worker, WorkerDied
from parity.atlas.survey import survey_entry

# Answers like a worker, but dies of one case and never answers another.
STAND_IN = """
import json, os, sys, time
for line in sys.stdin:
    task = json.loads(line)
    if task.get("case") == "zeros" and "how" not in task:
        sys.stderr.write("segmentation fault, they say\\n"); sys.stderr.flush(); os.abort()
    if task.get("case") == "nan":
        time.sleep(60)
    finding = {"case": task.get("case"), "place": "output", "verdict": "IDENTICAL",
               "error": 0.0, "noise": 0.0, "reason": ""}
    side = {"program": "p", "prints": "q"}
    if task.get("how") in ("shrunk", "whole"):
        os.abort()
    print(json.dumps({"findings": [finding], "torch": side, "jittor": side}), flush=True)
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
    line = survey_entry(worker, "group", entry)
    assert line.verdict == "ERROR"
    assert [f["case"] for f in line.findings] == ["zeros"]
    assert "the process died (signal 6)" in line.findings[0]["reason"]
    # Jittor's program kills the worker however it is shown; the page says how it died.
    assert line.shown["torch"]["prints"] == "q"
    assert "the process died (signal 6)" in line.shown["jittor"]["prints"]
