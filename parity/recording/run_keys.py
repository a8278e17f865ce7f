"""Names of runs: equal for runs that leave the same, in any process."""

from __future__ import annotations

import json
from typing import Literal

from parity.base.keyed_functions import key_of
from parity.base.perturbation import Perturbation
from parity.trace.trace import Run, Trace

Kind = Literal["isolated", "end to end", "calls", "in one piece"]


def run_key(
    kind: Kind,
    run: Run,
    teacher: Trace | None = None,
    baseline: Trace | None = None,
    operations: str = "",
) -> str | None:
    """Return the key of a run; None where a function in its settings has none.

    Args:
        kind: of the run.
        run: its settings; inputs, weights and loss are those of the whole record.
        teacher: whose values are forced.
        baseline: from which distances are kept.
        operations: key of what perturbs the results of operations.
    """
    functions = key_of(run.stress_input), key_of(run.perturbation)
    if None in functions:
        return None
    settings = {
        "kind": kind,
        "precision": run.precision,
        "stress input": functions[0],
        "perturbation": functions[1],
        "operations": operations,
        "draws": run.draws,
        "seed": run.seed,
        "training": run.training,
        "teacher": "" if teacher is None else teacher.origin or "none",
        "distances": baseline is not None,
        "unstressed": sorted(run.unstressed),
        "unperturbed": sorted(run.unperturbed),
    }
    return json.dumps(settings, sort_keys=True)


def step_key(
    variant: str, number: int | None, precision: str, perturbation: Perturbation | None
) -> str | None:
    """Return the key of an optimizer's step, or of free training; None as for `run_key`.

    Args:
        variant: of the optimizer.
        number: of the step; None for free training.
        precision: of the run.
        perturbation: of the state before it.
    """
    shift = key_of(perturbation)
    kind = "free training" if number is None else f"step {number}"
    return None if shift is None else json.dumps([variant, kind, precision, shift])


def history_member(variant: str, what: str, number: int) -> str:
    """Return the name of the member with the weights, or gradients, before a step."""
    return f"training/{variant + ' ' if variant else ''}{what}-{number}.safetensors"
