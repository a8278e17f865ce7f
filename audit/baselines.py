"""Published rules of other tools, in a few lines each, on the same mutants and rewrites.

These re-implement the rule alone and not the tool. Each is given the outputs and the gradients of
both sides run end to end in float32; whether the tool would find the location is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from audit.case import MUTANTS, REWRITES, Mutant, Rewrite
from audit.correct_pairs import PairBase
from parity.base.numerics import Array
from parity.errors import CannotCompare
from parity.pair import Pair
from parity.prepare import prepare
from parity.trace.end_to_end import run_end_to_end

# (reference in float64, reference, candidate) -> whether the rule lets one tensor pass
Rule = Callable[[Array, Array, Array], bool]


def assert_close(exact: Array, reference: Array, candidate: Array) -> bool:
    """torch.testing.assert_close at its defaults, rtol 1.3e-6 and atol 1e-5 in float32."""
    try:
        torch.testing.assert_close(
            torch.from_numpy(candidate.copy()), torch.from_numpy(reference.copy())
        )
    except AssertionError:
        return False
    return True


def padiff(exact: Array, reference: Array, candidate: Array) -> bool:
    """PaDiff's default: the means alone, rtol 1e-7."""
    return bool(np.allclose(reference.mean(), candidate.mean(), rtol=1e-7, atol=0))


def reprod_log(exact: Array, reference: Array, candidate: Array) -> bool:
    """reprod_log's default: mean absolute difference above 1e-6 fails, which NaN never is."""
    return not np.abs(reference - candidate).mean() > 1e-6


def polygraphy(exact: Array, reference: Array, candidate: Array) -> bool:
    """Polygraphy's default: an element fails where it exceeds both 1e-5 and 1e-5 relative."""
    difference = np.abs(reference - candidate)
    return bool(((difference <= 1e-5) | (difference <= 1e-5 * np.abs(reference))).all())


def msprobe(exact: Array, reference: Array, candidate: Array) -> bool:
    """Msprobe's benchmark ratio: the candidate's error at most twice the reference's."""
    return bool(_rmse(candidate, exact) <= 2 * _rmse(reference, exact))


def dynamo(exact: Array, reference: Array, candidate: Array) -> bool:
    """TorchDynamo's: close, or RMSE against float64 at most 2 (3 if small) times, plus 1e-5."""
    if np.allclose(reference, candidate, rtol=1e-4, atol=1e-4):
        return True
    factor = 3 if reference.size < 1000 else 2
    return bool(_rmse(candidate, exact) <= factor * _rmse(reference, exact) + 1e-5)


def algoperf(exact: Array, reference: Array, candidate: Array) -> bool:
    """AlgoPerf's test of training differences: rtol 1."""
    return bool(np.allclose(reference, candidate, rtol=1))


def _rmse(x: Array, exact: Array) -> Any:
    return np.sqrt(np.mean((x - exact) ** 2))


RULES: dict[str, Rule] = {
    "torch.testing.assert_close, defaults": assert_close,
    "PaDiff, mean, 1e-7": padiff,
    "reprod_log, mean, 1e-6": reprod_log,
    "Polygraphy, 1e-5": polygraphy,
    "msprobe, ratio 2": msprobe,
    "TorchDynamo, float64": dynamo,
    "AlgoPerf, rtol 1": algoperf,
}


def record(case: Mutant | Rewrite) -> dict[str, Any]:
    """Return the record of one case.

    Keys: `set`, `of` (mutant or rewrite), `name`, `verdict`, `seconds`, and `passed`: by rule,
    whether all tensors pass. A shape that differs or a crash fails every rule.
    """
    assert isinstance(case.base, PairBase)
    values: dict[str, Any] = {
        "set": "baseline", "of": "mutant" if isinstance(case, Mutant) else "rewrite",
        "name": case.name, "verdict": "", "seconds": 0.0,
    }  # fmt: skip
    try:
        tensors = _tensors(case.base.edited(case.side, case.edit))
    except (CannotCompare, KeyError, ValueError):
        return {**values, "passed": dict.fromkeys(RULES, False)}
    with np.errstate(all="ignore"):
        passed = {name: all(rule(*t) for t in tensors) for name, rule in RULES.items()}
    return {**values, "passed": passed}


def _tensors(pair: Pair) -> list[tuple[Array, Array, Array]]:
    """Return outputs and gradients as (reference in float64, reference, candidate)."""
    runner = prepare(pair).runner
    exact = run_end_to_end(runner.reference, runner.run_spec(runner.reference, "float64"))
    reference = run_end_to_end(runner.reference, runner.run_spec(runner.reference, "float32"))
    candidate = run_end_to_end(runner.candidate, runner.run_spec(runner.candidate, "float32"))
    traces = (exact, reference, candidate)
    outputs = [tuple(trace.recorded[tap] for trace in traces) for tap in exact.recorded]
    gradients = [
        tuple(trace.parameter_gradients[path] for trace in traces)
        for path in exact.parameter_gradients
    ]
    return [(e, r, c.reshape(r.shape)) for e, r, c in (*outputs, *gradients)]


def jobs() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the cases that are pairs of modules, as jobs of an audit."""
    cases: list[Mutant | Rewrite] = [*MUTANTS, *REWRITES]
    for case in cases:
        if isinstance(case.base, PairBase):
            yield f"baseline/{case.kind}/{case.side}/{case.name}", partial(record, case)


def table(records: Sequence[Any]) -> list[dict[str, str]]:
    """Return by rule how many mutants it catches and how many rewrites it fails."""
    records = [r for r in records if r["set"] == "baseline"]
    mutants, rewrites = ([r for r in records if r["of"] == of] for of in ("mutant", "rewrite"))
    return [
        {
            "rule": name,
            "caught": f"{sum(not r['passed'][name] for r in mutants)} of {len(mutants)}",
            "false_positives": (
                f"{sum(not r['passed'][name] for r in rewrites)} of {len(rewrites)}"
            ),
            "localised": "not tried",
        }
        for name in RULES
        if records
    ]
