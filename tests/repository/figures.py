"""The figures that README.md quotes, as the records in the repository give them.

A block of figures in a README is a paragraph and a table that follow a comment,
`<!-- figures: NAME -->`. Its numbers, in their order, must be those that the functions here return;
the words around them may be of any language. Code between backticks is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import beta

from bench import compare

ROOT = Path(__file__).parents[2]
AUDIT = ROOT / "docs" / "records" / "audit.json"
BENCH = ROOT / "docs" / "records" / "bench.json"
RUN = ROOT / "reports" / "example"

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?![\w.]*\w)")
Lines = list[list[str]]


def quoted(text: str, name: str) -> Lines:
    """Return the numbers of a block: one line for its paragraph, and one for each row.

    Raises:
        ValueError: the text has no such block, or more than one.
    """
    blocks = re.findall(
        rf"^<!-- figures: {name} -->\n(.*?)\n\n((?:\|[^\n]*\n)+)", text, flags=re.S | re.M
    )
    if len(blocks) != 1:
        raise ValueError(f"{len(blocks)} blocks <!-- figures: {name} -->")
    paragraph, table = blocks[0]
    rows = table.splitlines()[2:]
    return [numbers(line) for line in (paragraph, *rows)]


def numbers(text: str) -> list[str]:
    """Return the numbers of a text, without thousands' separators."""
    found = NUMBER.findall(re.sub(r"`[^`]*`", "", text))
    return [number.replace(",", "") for number in found]


def audit_figures(audit: Mapping[str, Any]) -> Lines:
    """Return the numbers of the table of the audit; its paragraph has none."""
    if audit["quick"] or audit["only"]:
        raise ValueError("audit.json is not of the whole audit")
    sets: dict[str, list[Mapping[str, Any]]] = {}
    for record in audit["records"]:
        sets.setdefault(record["set"], []).append(record)
    mutants, doubles, exhaustive = sets["mutant"], sets["double"], sets["exhaustive"]
    located = [record for record in mutants if record["phase"] in ("forward", "backward")]
    sides = [sum(record["side"] == side for record in mutants) for side in ("torch", "jittor")]
    unseen = sum(sum(record["explained"].values()) for record in exhaustive)
    if any(record["missed"] for record in exhaustive):
        raise ValueError("a check has tensors that it does not see, and that nothing explains")
    structures = {repr(record["configuration"]["structure"]) for record in sets["draw"]}
    return [
        [],
        _line(len({record["kind"] for record in mutants}), *sides, *_share(mutants, "caught")),
        _line(sum(record["rank"] == 1 for record in located), len(located)),
        _line(*_share([r for r in doubles if r["rank"] == 1], "caught", of=len(doubles))),
        ["95", f"{max(record['smallest'] for record in sets['sensitivity']):.0e}"],
        _with_interval(sets["rewrite"]),
        _line(*_failed(sets["twin"])),
        _line(*_share(sets["corruption"], "passed")),
        _line(unseen, sum(record["tried"] for record in exhaustive)),
        [str(len(structures)), *_with_interval(sets["draw"])],
        _line(*_share(sets["drawn mutant"], "caught")),
    ]


def bench_figures(path: Path, preset: str = "mnist") -> Lines:
    """Return the numbers of the table of times of a training step and of a sampling step."""
    facts = compare.read(path)
    columns = (("training_step", 64), ("sampling_step", 64))
    rows, rounds = [], []
    for side in ("jittor", "diffusers", "lucidrains"):
        ratios = [
            facts[subject, side, preset, batch]["ratio"]
            for subject, batch in columns
            if (subject, side, preset, batch) in facts
        ]
        rows.append([f"{r[name]:.2f}" for r in ratios for name in ("median", "low", "high")])
        rounds.append([str(ratio["count"]) for ratio in ratios])
    count = rounds[0][0]
    if any(counts != [count, count] for counts in rounds):
        raise ValueError(f"training and sampling steps have other numbers of rounds: {rounds}")
    return [[count], *rows]


def run_figures(folder: Path) -> Lines:
    """Return the numbers of the table of scores of a run, with its epochs and samples."""
    manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    result = {
        stage: json.loads((folder / "records" / f"{stage}.json").read_text(encoding="utf-8"))[
            "result"
        ]
        for stage in ("scores", "pixels")
    }
    rows = {row["subfolder"]: row for row in result["scores"]["rows"]}
    seed = next(row for name, row in rows.items() if name.startswith("torch-seed-"))
    same, own = result["pixels"]["same_weights"], result["pixels"]["own_weights"]
    within = ["1", "255"] if same["within_one"] == 1 else [f"{100 * same['within_one']:.3f}", "255"]
    return [
        _line(manifest["config"]["train"]["epochs"], rows["torch"]["count"]),
        _score(rows["torch"]),
        [*_score(rows["jittor-from-torch"]), f"{100 * same['equal']:.3f}", *within],
        [*_score(rows["jittor"]), f"{100 * own['equal']:.2f}"],
        _score(seed),
    ]


def _line(*values: int) -> list[str]:
    return [str(value) for value in values]


def _share(
    records: Sequence[Mapping[str, Any]], key: str, of: int | None = None
) -> tuple[int, int]:
    return sum(bool(record[key]) for record in records), len(records) if of is None else of


def _failed(records: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return sum(not record["passed"] for record in records), len(records)


def _with_interval(correct: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how many correct cases failed, of how many, with the exact 95 % interval."""
    failed, trials = _failed(correct)
    low = 0.0 if failed == 0 else beta.ppf(0.025, failed, trials - failed + 1)
    high = 1.0 if failed == trials else beta.ppf(0.975, failed + 1, trials - failed)
    return [*_line(failed, trials), "95", f"{100 * low:.1f}", f"{100 * high:.1f}"]


def _score(row: Mapping[str, Any]) -> list[str]:
    return [f"{value:.2f}" for value in (row["fid"], *row["fid_interval"])]
