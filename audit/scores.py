"""From records to scores: kill rate, localisation, false alarms with their interval, confusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import beta

from parity.verdict import Verdict

Record = Mapping[str, Any]
LEVEL = 0.95
# Sets whose records are no single judgement of the gate.
UNJUDGED = {"curve", "field", "places"}


def clopper_pearson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact interval of a probability (Clopper & Pearson 1934).

    Raises:
        ValueError: more hits than trials, or fewer than none.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits of {trials} trials")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high


def of(records: Sequence[Record], name: str) -> list[Record]:
    """Return the records of one set."""
    return [record for record in records if record["set"] == name]


def localisation(mutants: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Return by phase: how many, how many were caught, and named first or among three."""
    found: dict[str, dict[str, float]] = {}
    for phase in sorted({record["phase"] for record in mutants}):
        own = [record for record in mutants if record["phase"] == phase]
        found[phase] = {
            "mutants": len(own),
            "caught": sum(record["caught"] for record in own),
            "top 1": sum(record["rank"] == 1 for record in own),
            "top 3": sum(record["rank"] >= 1 for record in own),
        }
    return found


def kills(mutants: Sequence[Record]) -> dict[str, list[int]]:
    """Return by class of fault: [caught, planted]."""
    planted = Counter(record["kind"] for record in mutants)
    caught = Counter(record["kind"] for record in mutants if record["caught"])
    return {kind: [caught[kind], planted[kind]] for kind in sorted(planted)}


def confusion(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Return for each set how many of its cases got which of the six verdicts."""
    return {
        name: {
            verdict.name: sum(record["verdict"] == verdict.name for record in of(records, name))
            for verdict in Verdict
        }
        for name in sorted({record["set"] for record in records} - UNJUDGED)
    }


def rows(records: Sequence[Record]) -> list[dict[str, str]]:
    """Return the table of scores: what, value, target."""
    mutants, rewrites = of(records, "mutant"), of(records, "rewrite")
    found: list[dict[str, str]] = []

    def row(what: str, value: str, target: str = "") -> None:
        found.append({"what": what, "value": value, "target": target})

    if mutants:
        sides = Counter(record["side"] for record in mutants)
        caught = sum(record["caught"] for record in mutants)
        row(
            f"planted faults caught ({sides['torch']} in torch, {sides['jittor']} in Jittor)",
            f"{caught} of {len(mutants)}",
            "all",
        )
        for phase, score in localisation(mutants).items():
            row(
                f"named first, {phase} (among the first three)",
                f"{score['top 1']:.0f} of {score['mutants']:.0f} ({score['top 3']:.0f})",
                "all" if phase in ("forward", "backward") else "",
            )
    for name, own in (("benign rewrites", rewrites), ("random correct pairs", of(records, "draw"))):
        if own:
            accused = sum(not record["passed"] for record in own)
            low, high = clopper_pearson(accused, len(own))
            row(
                f"false alarms, {name}",
                f"{accused} of {len(own)} (95 %: {low:.1%} to {high:.1%})",
                "0",
            )
    drawn = of(records, "drawn mutant")
    if drawn:
        row(
            f"mutants drawn for random pairs, caught ({structures(drawn)} structures)",
            f"{sum(r['caught'] for r in drawn)} of {len(drawn)}",
            "all",
        )
    for line in (*_doubled(records), *_vacuity(records)):
        row(*line)
    for record in of(records, "curve"):
        target = record.get("target", "")
        row(f"smallest {record['name']} seen at 95 %", f"{record['smallest']:.0e}", target)
    row("time", f"{sum(record['seconds'] for record in records) / 60:.1f} minutes, one core")
    return found


def _doubled(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    doubles, twins = of(records, "double"), of(records, "twin")
    found = []
    if doubles:
        first = sum(record["rank"] == 1 for record in doubles)
        caught = sum(record["caught"] for record in doubles)
        found.append(
            (
                "two faults at once, caught (the first of them named first)",
                f"{caught} of {len(doubles)} ({first})",
                "all",
            )
        )
    if twins:
        accused = sum(not record["passed"] for record in twins)
        found.append(("the same fault on both sides, accused", f"{accused} of {len(twins)}", "0"))
    return found


def _vacuity(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    checks, tensor_sites = of(records, "vacuity"), of(records, "places")
    found = []
    if checks:
        passed = sum(record["passed"] for record in checks)
        found.append(
            ("spoiled candidates that a check let pass", f"{passed} of {len(checks)}", "0")
        )
    if tensor_sites:
        blind, tried = (sum(map(f, tensor_sites)) for f in (lambda r: len(r["blind"]), _tried))
        explained = sum(sum(record["explained"].values()) for record in tensor_sites)
        found.append(
            (
                "places spoiled one by one and not seen (and explained)",
                f"{blind} of {tried} ({explained})",
                "0",
            )
        )
    return found


def _tried(record: Record) -> int:
    return int(record["tried"])


def vacuous(records: Sequence[Record]) -> list[str]:
    """Return what was spoiled and let pass, in words."""
    found = [record["name"] for record in of(records, "vacuity") if record["passed"]]
    for record in of(records, "places"):
        found += [f"{record['name']}: {site}" for site in record["blind"]]
    return found


def structures(drawn: Sequence[Record]) -> int:
    """Return how many structures drawn configurations have."""
    return len({repr(record["configuration"]["structure"]) for record in drawn})


def totals(records: Sequence[Record]) -> dict[str, Any]:
    """Return what came of the draws: how many, of how many structures, accused, caught."""
    correct, mutants = of(records, "draw"), of(records, "drawn mutant")
    accused = [record["number"] for record in correct if not record["passed"]]
    return {
        "configurations": len(correct),
        "structures": structures(correct),
        "accused": accused,
        "interval": list(clopper_pearson(len(accused), len(correct))) if correct else None,
        "mutants": len(mutants),
        "caught": sum(record["caught"] for record in mutants),
    }


def accused(records: Sequence[Record]) -> list[Record]:
    """Return what should have passed and did not."""
    right = ("rewrite", "twin", "draw")
    return [r for name in right for r in of(records, name) if not r["passed"]]


def survivors(records: Sequence[Record]) -> list[Record]:
    """Return the mutants that passed."""
    return [r for r in records if r.get("caught") is False]
