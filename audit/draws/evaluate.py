"""A drawn configuration before the gate: as it is, and with its fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from audit.case import Base
from audit.draws.configuration import COUNT, Configuration, configuration
from audit.draws.faults import Fault, fault
from audit.draws.models import subjects
from audit.evaluate import stated
from parity.errors import CannotCompare, one_line
from parity.report.report import Report
from parity.verdict import Verdict

# The quick part, all of one structure: half a minute on one core.
FEW = 4


def judged_correct(number: int) -> dict[str, Any]:
    """Return the record of a correct pair: what every one of its subjects is called."""
    drawn = configuration(number)
    return record_correct(drawn, subjects(drawn))


def record_correct(drawn: Configuration, own: dict[str, Base]) -> dict[str, Any]:
    """Judge a configuration's subjects; the first that does not pass is named."""
    started = time.perf_counter()
    found = {subject: _verdict(base.judged, drawn.seed) for subject, base in own.items()}
    accused = [subject for subject, values in found.items() if not values["passed"]]
    worst = max((values["verdict"] for values in found.values()), key=lambda v: Verdict[v].rank)
    return {
        "set": "draw", "name": str(drawn.number), "verdict": worst, "passed": not accused,
        "subjects": {subject: values["verdict"] for subject, values in found.items()},
        **({"accused": accused[0], **found[accused[0]], "passed": False} if accused else {}),
        **_common(drawn, started), "replay": f"python -m audit.draws {drawn.number}",
    }  # fmt: skip


def judged_mutant(number: int) -> dict[str, Any]:
    """Return the record of a configuration with its fault."""
    drawn = configuration(number)
    return record_mutant(drawn, fault(drawn))


def record_mutant(drawn: Configuration, planted: Fault) -> dict[str, Any]:
    """Judge the one subject that a fault is planted in."""
    started = time.perf_counter()
    base = subjects(drawn)[planted.subject]
    values = _verdict(partial(base.judged, planted.side, planted.edit), drawn.seed)
    return {
        "set": "drawn mutant", "name": f"{planted.name}, in number {drawn.number}",
        "subject": planted.subject, "kind": planted.kind, "text": planted.text,
        "side": planted.side, **values, "caught": not values["passed"],
        **_common(drawn, started), "replay": f"python -m audit.draws {drawn.number} --mutant",
    }  # fmt: skip


def _common(drawn: Configuration, started: float) -> dict[str, Any]:
    return {
        "number": drawn.number, "configuration": drawn.values(),
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _verdict(judge: Callable[..., Report], seed: int) -> dict[str, Any]:
    try:
        report = judge(seed=seed)
    except CannotCompare as error:
        return {"verdict": "ERROR", "passed": False, "reason": one_line(error)}
    first = report.first_divergence
    found = {} if first is None else {"found": stated(first), "reason": first.reason}
    return {"verdict": report.verdict.name, "passed": report.passed, **found}


def jobs(quick: bool) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the numbers, each correct and with its fault, as jobs of an audit."""
    for number in range(FEW if quick else COUNT):
        yield f"draw/{number}", partial(judged_correct, number)
        yield f"drawn mutant/{number}", partial(judged_mutant, number)
