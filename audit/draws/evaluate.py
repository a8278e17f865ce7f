"""Checks a drawn configuration, as it is and with its fault, and returns the results as records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from audit.case import Base
from audit.draws.configuration import COUNT, Configuration, configuration
from audit.draws.faults import Fault, fault
from audit.draws.models import subjects
from audit.evaluate import finding_values
from parity.errors import CannotCompare, one_line
from parity.report.report import Report
from parity.verdict import Verdict

# The quick part, all of one structure: half a minute on one core.
QUICK_COUNT = 4


def record_correct(drawn: Configuration, bases: Mapping[str, Base]) -> dict[str, Any]:
    """Check the subjects of a configuration, which are correct; the first that fails is named.

    Keys: `set`, `name`, `verdict` (the worst), `passed`, `subjects` (verdict by subject),
    `number`, `configuration`, `seconds`, `command`; where one fails also `failed_subject` and what
    was found of it.
    """
    started = time.perf_counter()
    results = {subject: _result(base.check, drawn.seed) for subject, base in bases.items()}
    failed = [subject for subject, result in results.items() if not result["passed"]]
    worst = max((result["verdict"] for result in results.values()), key=lambda v: Verdict[v].rank)
    return {
        "set": "draw", "name": str(drawn.number), "verdict": worst, "passed": not failed,
        "subjects": {subject: result["verdict"] for subject, result in results.items()},
        **({"failed_subject": failed[0], **results[failed[0]]} if failed else {}),
        **_common(drawn, started), "command": f"python -m audit.draws {drawn.number}",
    }  # fmt: skip


def record_mutant(drawn: Configuration, injected: Fault) -> dict[str, Any]:
    """Check the one subject of a configuration that a fault is injected into.

    Keys as in `record_correct`, and `subject`, `kind`, `text`, `side`, `caught`.
    """
    started = time.perf_counter()
    base, mutant = subjects(drawn)[injected.subject], injected.mutant
    result = _result(partial(base.check, mutant.side, mutant.edit), drawn.seed)
    return {
        "set": "drawn mutant", "name": f"{mutant.name}, in number {drawn.number}",
        "subject": injected.subject, "kind": mutant.kind, "text": mutant.text,
        "side": mutant.side, **result, "caught": not result["passed"],
        **_common(drawn, started), "command": f"python -m audit.draws {drawn.number} --mutant",
    }  # fmt: skip


def _common(drawn: Configuration, started: float) -> dict[str, Any]:
    return {
        "number": drawn.number, "configuration": drawn.values(),
        "seconds": round(time.perf_counter() - started, 3),
    }  # fmt: skip


def _result(check: Callable[..., Report], seed: int) -> dict[str, Any]:
    try:
        report = check(seed=seed)
    except CannotCompare as error:
        return {"verdict": "ERROR", "passed": False, "reason": one_line(error)}
    first = report.first_divergence
    divergence = (
        {} if first is None else {"first_divergence": finding_values(first), "reason": first.reason}
    )
    return {"verdict": report.verdict.name, "passed": report.passed, **divergence}


def correct(number: int) -> dict[str, Any]:
    """Return the record of a number's configuration."""
    drawn = configuration(number)
    return record_correct(drawn, subjects(drawn))


def mutated(number: int) -> dict[str, Any]:
    """Return the record of a number's configuration with its fault."""
    drawn = configuration(number)
    return record_mutant(drawn, fault(drawn))


def jobs(quick: bool) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the numbers, each correct and with its fault, as jobs of an audit."""
    for number in range(QUICK_COUNT if quick else COUNT):
        yield f"draw/{number}", partial(correct, number)
        yield f"drawn mutant/{number}", partial(mutated, number)
