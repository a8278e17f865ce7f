"""Published rules of others, in a few lines each, on the same mutants and rewrites.

These are re-implementations of the rule alone and not the tools; each is given the outputs and the
gradients of both sides run whole in float32, so where it would look for the place is not tried.
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
from parity.compare.prepare import prepare
from parity.errors import CannotCompare
from parity.trace.recorder import run_end_to_end

# (reference in float64, reference, candidate) -> whether the rule lets one tensor pass
Rule = Callable[[Array, Array, Array], bool]


def assert_close(exact: Array, a: Array, b: Array) -> bool:
    """torch.testing.assert_close at its defaults, rtol 1.3e-6 and atol 1e-5 in float32."""
    try:
        torch.testing.assert_close(torch.from_numpy(b.copy()), torch.from_numpy(a.copy()))
    except AssertionError:
        return False
    return True


def padiff(exact: Array, a: Array, b: Array) -> bool:
    """PaDiff's default: the means alone, rtol 1e-7."""
    return bool(np.allclose(a.mean(), b.mean(), rtol=1e-7, atol=0))


def reprod_log(exact: Array, a: Array, b: Array) -> bool:
    """reprod_log's default: mean absolute difference above 1e-6 fails, which NaN never is."""
    return not np.abs(a - b).mean() > 1e-6


def polygraphy(exact: Array, a: Array, b: Array) -> bool:
    """Polygraphy's default: an element fails where it exceeds both 1e-5 and 1e-5 relative."""
    gap = np.abs(a - b)
    return bool(((gap <= 1e-5) | (gap <= 1e-5 * np.abs(a))).all())


def msprobe(exact: Array, a: Array, b: Array) -> bool:
    """Msprobe's benchmark ratio: the candidate's error at most twice the reference's."""
    ours, theirs = (np.sqrt(np.mean((x - exact) ** 2)) for x in (a, b))
    return bool(theirs <= 2 * ours)


def dynamo(exact: Array, a: Array, b: Array) -> bool:
    """TorchDynamo's: close, or RMSE against float64 at most 2 (3 if small) times, plus 1e-5."""
    if np.allclose(a, b, rtol=1e-4, atol=1e-4):
        return True
    ours, theirs = (np.sqrt(np.mean((x - exact) ** 2)) for x in (a, b))
    return bool(theirs <= (3 if a.size < 1000 else 2) * ours + 1e-5)


def algoperf(exact: Array, a: Array, b: Array) -> bool:
    """AlgoPerf's test of training differences: rtol 1."""
    return bool(np.allclose(a, b, rtol=1))


RULES: dict[str, Rule] = {
    "torch.testing.assert_close, defaults": assert_close,
    "PaDiff, mean, 1e-7": padiff,
    "reprod_log, mean, 1e-6": reprod_log,
    "Polygraphy, 1e-5": polygraphy,
    "msprobe, ratio 2": msprobe,
    "TorchDynamo, float64": dynamo,
    "AlgoPerf, rtol 1": algoperf,
}


def judged(case: Mutant | Rewrite) -> dict[str, Any]:
    """Return the record of one case: by rule whether all tensors pass; a shape or crash fails."""
    assert isinstance(case.base, PairBase)
    values: dict[str, Any] = {
        "set": "field", "of": "mutant" if isinstance(case, Mutant) else "rewrite",
        "name": case.name, "verdict": "", "seconds": 0.0,
    }  # fmt: skip
    try:
        triples = _triples(case.base.changed(case.side, case.edit))
    except (CannotCompare, KeyError, ValueError):
        return {**values, "passed": dict.fromkeys(RULES, False)}
    with np.errstate(all="ignore"):
        passed = {name: all(rule(*t) for t in triples) for name, rule in RULES.items()}
    return {**values, "passed": passed}


def _triples(pair: Any) -> list[tuple[Array, Array, Array]]:
    sides = prepare(pair).runner
    exact = run_end_to_end(sides.reference, sides.run(sides.reference, "float64"))
    ours = run_end_to_end(sides.reference, sides.run(sides.reference, "float32"))
    theirs = run_end_to_end(sides.candidate, sides.run(sides.candidate, "float32"))
    found = [(exact.arrived[t], ours.arrived[t], theirs.arrived[t]) for t in exact.arrived]
    found += [
        (exact.parameters[p], ours.parameters[p], theirs.parameters[p]) for p in exact.parameters
    ]
    return [(e, a, b.reshape(a.shape)) for e, a, b in found]


def jobs() -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """List the cases that are pairs of modules, as jobs of an audit."""
    cases: list[Mutant | Rewrite] = [*MUTANTS, *REWRITES]
    for case in cases:
        if isinstance(case.base, PairBase):
            yield f"field/{case.kind}/{case.side}/{case.name}", partial(judged, case)


def table(records: Sequence[Any]) -> list[dict[str, str]]:
    """Return by rule what was caught and what falsely accused."""
    own = [r for r in records if r["set"] == "field"]
    mutants, rewrites = ([r for r in own if r["of"] == of] for of in ("mutant", "rewrite"))
    return [
        {
            "rule": name,
            "caught": f"{sum(not r['passed'][name] for r in mutants)} of {len(mutants)}",
            "accused": f"{sum(not r['passed'][name] for r in rewrites)} of {len(rewrites)}",
            "localised": "not tried",
        }
        for name in RULES
        if own
    ]
