"""Tables for people, from a run's records; every cell is text that is ready to be read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ddpm_study.page.finished_run import Run
from implementations import TITLES
from parity.report.text import amount, where

WORST = 15  # places of the harness's report that the page lists


def gaps(run: Run) -> pd.DataFrame | None:
    """Return the probe's quantities in both precisions."""
    probe = run.result("probe")
    if probe is None:
        return None
    return pd.DataFrame(
        {
            "quantity": gap["quantity"],
            "float32": _number(gap["float32"], ".1e"),
            "float64": _number(gap["float64"], ".1e"),
            "verdict": "rounding" if gap["is_rounding"] else "DIFFERENT",
        }
        for gap in probe["gaps"]
    )


def places(run: Run) -> pd.DataFrame | None:
    """Return the places that fail, else those nearest to what rounding explains."""
    if run.report is None:
        return None
    failing = [f for f in run.report.findings if not f.passes()]
    near = sorted(run.report.findings, key=lambda f: -f.error / f.noise if f.noise > 0 else 0.0)
    return pd.DataFrame(
        {"place": where(f), "verdict": f.verdict.name, "amount": amount(f)}
        for f in (failing or near)[:WORST]
    )


def training(run: Run) -> pd.DataFrame | None:
    """Return both trainings side by side."""
    rows = []
    for side, title in TITLES.items():
        result = run.result(f"train-{side}")
        if result is None:
            continue
        seconds = pd.Series([epoch["seconds"] for epoch in result["epochs"]])
        rows.append(
            {
                "": title,
                "parameters": f"{result['parameters']:,}",
                "steps": f"{result['steps']:,}",
                "loss, first step": _number(result["first_loss"], ".7f"),
                f"loss, mean of the last {result['tail']}": _number(result["last_loss"], ".7f"),
                "an epoch, median": f"{seconds.median():.1f} s",
            }
        )
    return pd.DataFrame(rows) if rows else None


def pixels(run: Run) -> pd.DataFrame | None:
    """Return how far the sampled images agree."""
    compared, probe = run.result("pixels"), run.result("probe")
    rows = []
    if compared is not None:
        rows += [("the same weights", compared["same"]), ("each its own weights", compared["own"])]
    if probe is not None:
        rows.append(("the same weights, both in float64", probe["pixels"]["float64"]))
    if not rows:
        return None
    return pd.DataFrame(
        {
            "sampled from": name,
            "images": f"{found['images']:,}",
            "8-bit pixels equal": f"{found['equal']:.4%}",
            "within 1 of 255": f"{found['within_one']:.4%}",
            "largest difference": f"{found['largest']} of 255",
            "relative gap before rounding": _number(found["gap"], ".1e"),
        }
        for name, found in rows
    )


def ratios(run: Run) -> pd.DataFrame | None:
    """Return Jittor's time over PyTorch's for each subject."""
    timing = run.result("timing")
    if timing is None:
        return None
    return pd.DataFrame(
        {
            "what": subject["title"],
            "PyTorch, median": f"{subject['median']['torch']:.3g} s",
            "Jittor, median": f"{subject['median']['jittor']:.3g} s",
            "Jittor / PyTorch": f"{subject['ratio']['median']:.2f}",
            "interval": f"{subject['ratio']['low']:.2f} to {subject['ratio']['high']:.2f}",
            "pairs": str(subject["ratio"]["count"]),
        }
        for subject in timing["subjects"]
    )


def scores(run: Run) -> pd.DataFrame | None:
    """Return the scores of every set of images, with their intervals; None if there are none."""
    found = run.result("scores")
    if found is None or not found["rows"]:
        return None
    label = found["label"]
    return pd.DataFrame(
        {
            "images": row["title"],
            label: _with_interval(row, "fid", 2),
            f"{label}, endless": _number(row["fid_infinity"], ".2f", "too few to tell"),
            "KID": f"{row['kid']:.5f}",
            found["inception_label"]: _with_interval(row, "inception_score", 2),
            "precision": f"{row['precision']:.3f}",
            "recall": f"{row['recall']:.3f}",
        }
        for row in found["rows"]
    )


def environment(run: Run) -> pd.DataFrame:
    """Return what the figures depend on; where stages differ, all values."""
    seen: dict[str, dict[str, None]] = {}
    for record in run.records.values():
        for name, value in record.environment.items():
            seen.setdefault(name, {})[value] = None
    return pd.DataFrame({"what": name, "value": "; ".join(found)} for name, found in seen.items())


def stages(run: Run) -> pd.DataFrame:
    """Return what was done when, and how long it took."""
    return pd.DataFrame(
        {"stage": r.stage, "finished": r.finished, "seconds": f"{r.seconds:.1f}"}
        for r in run.records.values()
    )


def audit(run: Run) -> pd.DataFrame | None:
    """Return the scores of the gate's own audit, where there are any."""
    rows: list[dict[str, Any]] = [] if run.audit is None else run.audit["rows"]
    if not rows:
        return None
    return pd.DataFrame({key: str(value) for key, value in row.items()} for row in rows)


def side_by_side(run: Run, against: Run) -> pd.DataFrame:
    """Return the figures of two runs beside each other."""
    columns = {"this run": _figures(run), "against": _figures(against)}
    frame = pd.DataFrame(columns).fillna("not measured")
    frame.insert(0, "figure", frame.index)
    return frame.reset_index(drop=True)


def _figures(run: Run) -> dict[str, str]:
    """Flatten a run's tables into figures with a name."""
    found = {
        "preset": run.head.preset,
        "data": run.head.dataset,
        "seed": str(run.head.config["train"]["seed"]),
        "epochs": str(run.head.scale["epochs"]),
    }
    if run.report is not None:
        found["verdict of the harness"] = run.report.verdict.name
    for make in (gaps, training, pixels, ratios, scores):
        table = make(run)
        if table is None:
            continue
        first, *others = table.columns
        for row in table.to_dict("records"):
            for column in others:
                found[f"{row[first]}: {column}"] = str(row[column])
    environments = environment(run).itertuples(index=False)
    return {**found, **{str(row[0]): str(row[1]) for row in environments}}


def text(run: Run) -> str:
    """Return the run as plain text: the verdict, then the tables."""
    head = run.head
    verdict = "agree" if not run.failures else "DIFFER"
    if not run.compared:
        verdict = "were not compared"
    parts = [
        f"PyTorch and Jittor {verdict}: preset {head.preset}, data {head.dataset}, seed"
        f" {head.config['train']['seed']}",
        *(f"- {failure}" for failure in run.failures),
    ]
    for make in (gaps, training, pixels, ratios, scores):
        table = make(run)
        if table is not None:
            parts.append(table.to_string(index=False))
    return "\n\n".join(parts)


def _number(value: float | None, form: str, absent: str = "not a number") -> str:
    """Format a number of a record, where NaN and what was not found stand as null."""
    return absent if value is None else format(value, form)


def _with_interval(row: dict[str, Any], name: str, digits: int) -> str:
    value, (low, high) = row[name], row[f"{name}_interval"]
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
