"""From records to scores: faults caught, localisation, false positives with interval, verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import beta

from parity.verdict import Verdict

Record = Mapping[str, Any]
LEVEL = 0.95
# Sets whose records are no single verdict of the harness.
WITHOUT_VERDICT = {"sensitivity", "baseline", "exhaustive"}


def clopper_pearson(hits: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact confidence interval of a probability (Clopper & Pearson 1934).

    Raises:
        ValueError: more hits than trials, or fewer than none.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits of {trials} trials")
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else float(beta.ppf(tail, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(1 - tail, hits + 1, trials - hits))
    return low, high


def of_set(records: Sequence[Record], name: str) -> list[Record]:
    """Return the records of one set."""
    return [record for record in records if record["set"] == name]


def localisation(mutants: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Return by phase the numbers of mutants, caught, named first, and among the first three."""
    scores: dict[str, dict[str, float]] = {}
    for phase in sorted({record["phase"] for record in mutants}):
        of_phase = [record for record in mutants if record["phase"] == phase]
        scores[phase] = {
            "mutants": len(of_phase),
            "caught": sum(record["caught"] for record in of_phase),
            "top 1": sum(record["rank"] == 1 for record in of_phase),
            "top 3": sum(record["rank"] >= 1 for record in of_phase),
        }
    return scores


def caught_by_class(mutants: Sequence[Record]) -> dict[str, list[int]]:
    """Return by class of fault: [caught, injected]."""
    injected = Counter(record["kind"] for record in mutants)
    caught = Counter(record["kind"] for record in mutants if record["caught"])
    return {kind: [caught[kind], injected[kind]] for kind in sorted(injected)}


def verdicts(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Return for each set how many of its cases got each of the six verdicts."""
    return {
        name: {
            verdict.name: sum(record["verdict"] == verdict.name for record in of_set(records, name))
            for verdict in Verdict
        }
        for name in sorted({record["set"] for record in records} - WITHOUT_VERDICT)
    }


def rows(records: Sequence[Record]) -> list[dict[str, str]]:
    """Return the table of scores: what, value, target."""
    lines = [
        *_mutant_rows(of_set(records, "mutant")),
        *_false_positive_rows(records),
        *_drawn_rows(of_set(records, "drawn mutant")),
        *_double_rows(records),
        *_corruption_rows(records),
        *(
            (
                f"smallest {record['name']} caught at 95 %",
                f"{record['smallest']:.0e}",
                record.get("target", ""),
            )
            for record in of_set(records, "sensitivity")
        ),
        (
            "time",
            f"{sum(record['seconds'] for record in records) / 60:.1f} minutes, one core",
            "",
        ),
    ]
    return [{"what": what, "value": value, "target": target} for what, value, target in lines]


Row = tuple[str, str, str]


def _mutant_rows(mutants: Sequence[Record]) -> list[Row]:
    if not mutants:
        return []
    sides = Counter(record["side"] for record in mutants)
    caught = sum(record["caught"] for record in mutants)
    of_all: Row = (
        f"injected faults caught ({sides['torch']} in torch, {sides['jittor']} in Jittor)",
        f"{caught} of {len(mutants)}",
        "all",
    )
    return [
        of_all,
        *(
            (
                f"named first, {phase} (among the first three)",
                f"{score['top 1']:.0f} of {score['mutants']:.0f} ({score['top 3']:.0f})",
                "all" if phase in ("forward", "backward") else "",
            )
            for phase, score in localisation(mutants).items()
        ),
    ]


def _false_positive_rows(records: Sequence[Record]) -> list[Row]:
    lines: list[Row] = []
    for name, of_kind in (("rewrites", "rewrite"), ("random correct pairs", "draw")):
        correct = of_set(records, of_kind)
        if correct:
            failed = sum(not record["passed"] for record in correct)
            low, high = clopper_pearson(failed, len(correct))
            interval = f"(95 %: {low:.1%} to {high:.1%})"
            lines.append(
                (f"false positives, {name}", f"{failed} of {len(correct)} {interval}", "0")
            )
    return lines


def _drawn_rows(drawn: Sequence[Record]) -> list[Row]:
    if not drawn:
        return []
    caught = sum(record["caught"] for record in drawn)
    what = f"mutants drawn for random pairs, caught ({structures(drawn)} structures)"
    return [(what, f"{caught} of {len(drawn)}", "all")]


def _double_rows(records: Sequence[Record]) -> list[Row]:
    doubles, twins = of_set(records, "double"), of_set(records, "twin")
    lines: list[Row] = []
    if doubles:
        first = sum(record["rank"] == 1 for record in doubles)
        caught = sum(record["caught"] for record in doubles)
        what = "two faults at once, caught (the first of them named first)"
        lines.append((what, f"{caught} of {len(doubles)} ({first})", "all"))
    if twins:
        failed = sum(not record["passed"] for record in twins)
        what = "the same fault on both sides, false positives"
        lines.append((what, f"{failed} of {len(twins)}", "0"))
    return lines


def _corruption_rows(records: Sequence[Record]) -> list[Row]:
    checks, exhaustive = of_set(records, "corruption"), of_set(records, "exhaustive")
    lines: list[Row] = []
    if checks:
        passed = sum(record["passed"] for record in checks)
        what = "corrupted candidates that a check let pass"
        lines.append((what, f"{passed} of {len(checks)}", "0"))
    if exhaustive:
        missed = sum(len(record["missed"]) for record in exhaustive)
        tried = sum(record["tried"] for record in exhaustive)
        explained = sum(sum(record["explained"].values()) for record in exhaustive)
        what = "tensors corrupted one by one and missed (and explained)"
        lines.append((what, f"{missed} of {tried} ({explained})", "0"))
    return lines


def cannot_fail(records: Sequence[Record]) -> list[str]:
    """Return the checks, and the tensors in them, that passed when they were corrupted."""
    lines = [record["name"] for record in of_set(records, "corruption") if record["passed"]]
    for record in of_set(records, "exhaustive"):
        lines += [f"{record['name']}: {site}" for site in record["missed"]]
    return lines


def structures(drawn: Sequence[Record]) -> int:
    """Return how many structures drawn configurations have."""
    return len({repr(record["configuration"]["structure"]) for record in drawn})


def drawn_totals(records: Sequence[Record]) -> dict[str, Any]:
    """Return the results of the draws: counts, structures, numbers of false positives, caught."""
    correct, mutants = of_set(records, "draw"), of_set(records, "drawn mutant")
    failed = [record["number"] for record in correct if not record["passed"]]
    return {
        "configurations": len(correct),
        "structures": structures(correct),
        "false_positives": failed,
        "interval": list(clopper_pearson(len(failed), len(correct))) if correct else None,
        "mutants": len(mutants),
        "caught": sum(record["caught"] for record in mutants),
    }


def false_positives(records: Sequence[Record]) -> list[Record]:
    """Return the correct cases that did not pass."""
    sets = ("rewrite", "twin", "draw")
    return [r for name in sets for r in of_set(records, name) if not r["passed"]]


def missed(records: Sequence[Record]) -> list[Record]:
    """Return the mutants that passed."""
    return [r for r in records if r.get("caught") is False]
