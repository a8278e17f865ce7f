"""A process that judges what it is told to, one line of JSON at a time.

Jittor may die of what it is asked, or never come back; the process that asks must not.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from parity.atlas import catalogue
from parity.atlas.cases import ORDINARY, draw
from parity.atlas.entry import Entry
from parity.atlas.judge import Finding, judge_numeric, judge_random, judge_rule
from parity.atlas.program import printed, program
from parity.atlas.shrink import shrunk
from parity.atlas.sides import Backend, jittor_side, torch_side
from parity.base.numerics import Array

Task = Mapping[str, Any]
# How a finding is shown. A smaller input may kill what the whole one does not, and some findings
# are that Jittor dies of them: then PyTorch's program alone is run.
HOW = ("shrunk", "whole", "PyTorch alone")


def serve() -> None:
    """Answer tasks from standard input on standard output until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the frameworks print must not pass for an answer
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    sides = torch_side(), jittor_side()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), *sides)), file=answers, flush=True)


def answer(task: Task, reference: Backend, candidate: Backend) -> dict[str, Any]:
    """Do one task: `versions`, `judge` an entry on a case, or `show` a finding."""
    if task["do"] == "versions":
        return versions(reference, candidate)
    entry = catalogue.find(task["group"], task["entry"])
    if task["do"] == "judge":
        source = entry.workaround if task["mend"] else entry.jittor
        found = judged(entry, source, task["case"], reference, candidate)
        return {"findings": [finding.as_json() for finding in found]}
    return shown(entry, task["case"], task["place"], task["how"], reference, candidate)


def judged(
    entry: Entry, source: str, case: str, reference: Backend, candidate: Backend
) -> list[Finding]:
    """Judge an entry's source, or its mend, on a case."""
    if entry.kind == "numeric":
        return judge_numeric(entry, source, case, draw(entry, case), reference, candidate)
    judge = judge_rule if entry.kind == "rule" else judge_random
    return judge(entry, source, reference, candidate)


def shown(
    entry: Entry, case: str, place: str, how: str, reference: Backend, candidate: Backend
) -> dict[str, Any]:
    """Return the shortest program that shows a finding, by side, and what each prints."""
    inputs = draw(entry, case or ORDINARY)
    if entry.kind == "numeric" and how == "shrunk":
        inputs = _smallest(entry, case, place, inputs, reference, candidate)
    result: dict[str, Any] = {}
    for precision in ("float32", "float64"):
        texts = [
            program(entry, side.framework, source, inputs=inputs, place=place, precision=precision)
            for side, source in ((reference, entry.torch), (candidate, entry.jittor))
        ]
        alone = how == "PyTorch alone"
        outputs = [printed(texts[0], reference), "" if alone else printed(texts[1], candidate)]
        result = {
            "torch": {"program": texts[0], "prints": outputs[0]},
            "jittor": {"program": texts[1], "prints": outputs[1]},
        }
        if outputs[0] != outputs[1] or entry.kind != "numeric":
            break
    return result


def _smallest(
    entry: Entry,
    case: str,
    place: str,
    inputs: Mapping[str, Array],
    reference: Backend,
    candidate: Backend,
) -> dict[str, Array]:
    def find(arrays: Mapping[str, Array]) -> Finding | None:
        found = judge_numeric(entry, entry.jittor, case, arrays, reference, candidate)
        return next((f for f in found if f.place == place), None)

    whole = find(inputs)

    def still(arrays: Mapping[str, Array]) -> bool:
        part = find(arrays)
        if whole is None or part is None or part.verdict is not whole.verdict:
            return False
        # A difference of another kind, an exception instead of a NaN, is another finding.
        return part.reason.split()[:2] == whole.reason.split()[:2]

    return shrunk(inputs, still)


def versions(reference: Backend, candidate: Backend) -> dict[str, Any]:
    """Return what the atlas holds for: versions, and the settings that change arithmetic."""
    flags = candidate.names["jt"].flags.cc_flags.split()
    arithmetic = sorted({f for f in flags if f.startswith(("-O", "-ff", "-fno-", "-fas"))})
    return {
        "torch": reference.version().partition("+")[0],
        "jittor": candidate.version(),
        "numpy": np.__version__,
        "python": ".".join(map(str, sys.version_info[:2])),
        "kernel flags": " ".join(arithmetic),
    }


if __name__ == "__main__":
    serve()
