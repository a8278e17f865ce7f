"""Tables of a run for the reader; every cell is text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ddpm_study.page.failures import failures, number
from ddpm_study.page.finished_run import FinishedRun, Outcome
from implementations import TITLES
from parity.report.finding import Finding
from parity.report.text import amount, where

WORST = 15  # findings of the harness that the page lists


def precision(run: FinishedRun) -> pd.DataFrame | None:
    """Return the differences between the frameworks in both precisions."""
    result = run.result("precision")
    if result is None:
        return None
    parameters = {kind: len(names) for kind, names in result["parameters"].items()}
    return pd.DataFrame(
        {
            "quantity": _quantity(discrepancy["quantity"], parameters),
            "difference in float32": number(discrepancy["float32"]),
            "difference in float64": number(discrepancy["float64"]),
            "float64 smaller by": _factor(discrepancy["float32"], discrepancy["float64"]),
            "verdict": "rounding" if discrepancy["is_rounding"] else "DIFFERENT",
        }
        for discrepancy in result["discrepancies"]
    )


def _quantity(quantity: str, parameters: dict[str, int]) -> str:
    """Name a quantity, with how many parameters it covers if it is one of parameters."""
    if quantity not in ("weights", "averaged weights"):
        return quantity
    parts = [f"{parameters['compared']} compared"]
    if parameters["zero_gradient"]:
        parts.append(f"{parameters['zero_gradient']} left out: gradient zero")
    if parameters["no_gradient"]:
        parts.append(f"{parameters['no_gradient']} not tested: no gradient yet")
    return f"{quantity} ({', '.join(parts)})"


def _factor(single: float | None, double: float | None) -> str:
    if single is None or double is None:
        return "not a number"
    if double == 0:
        return "equal in float64"
    return f"{single / double:,.0f} times" if single > double else "no factor"


def findings(run: FinishedRun) -> pd.DataFrame | None:
    """Return the harness's findings that fail, or else those nearest to their limit."""
    if run.unet_report is None:
        return None
    failing = [f for f in run.unet_report.findings if not f.passes()]
    nearest = sorted(run.unet_report.findings, key=_share_of_noise, reverse=True)
    return pd.DataFrame(
        {"tensor": where(f), "verdict": f.verdict.name, "relative error": amount(f)}
        for f in (failing or nearest)[:WORST]
    )


def _share_of_noise(finding: Finding) -> float:
    return finding.error / finding.noise if finding.noise > 0 else 0.0


def training(run: FinishedRun) -> pd.DataFrame | None:
    """Return both trainings, a row each."""
    rows = []
    for framework, title in TITLES.items():
        result = run.result(f"train-{framework}")
        if result is None:
            continue
        seconds = pd.Series([epoch["seconds"] for epoch in result["epochs"]])
        rows.append(
            {
                "framework": title,
                "parameters": f"{result['parameters']:,}",
                "steps": f"{result['steps']:,}",
                "loss, first step": _format(result["first_loss"], ".7f"),
                f"loss, mean of the last {result['tail']} steps": _format(
                    result["last_loss"], ".7f"
                ),
                "seconds per epoch, median": f"{seconds.median():.1f}",
            }
        )
    return pd.DataFrame(rows) if rows else None


def pixels(run: FinishedRun) -> pd.DataFrame | None:
    """Return the agreement of the sampled images."""
    compared, exact = run.result("pixels"), run.result("precision")
    rows = []
    if compared is not None:
        rows += [
            ("the same weights", compared["same_weights"]),
            ("each framework's own weights", compared["own_weights"]),
        ]
    if exact is not None:
        rows.append(("the same weights, in float64", exact["pixels"]["float64"]))
    if not rows:
        return None
    return pd.DataFrame(
        {
            "sampled from": name,
            "images": f"{result['images']:,}",
            "equal 8-bit pixels": f"{result['equal']:.4%}",
            "within 1 of 255": f"{result['within_one']:.4%}",
            "largest difference": f"{result['largest']} of 255",
            "relative difference": number(result["relative_difference"]),
        }
        for name, result in rows
    )


def times(run: FinishedRun) -> pd.DataFrame | None:
    """Return the times of each benchmark and their ratio."""
    timing = run.result("timing")
    if timing is None:
        return None
    return pd.DataFrame(
        {
            "benchmark": benchmark["title"],
            "PyTorch, median": f"{benchmark['median']['torch']:.3g} s",
            "Jittor, median": f"{benchmark['median']['jittor']:.3g} s",
            "Jittor / PyTorch": f"{benchmark['ratio']['median']:.2f}",
            "95 % interval": (
                f"{benchmark['ratio']['low']:.2f} to {benchmark['ratio']['high']:.2f}"
            ),
            "pairs": str(benchmark["ratio"]["count"]),
        }
        for benchmark in timing["benchmarks"]
    )


def scores(run: FinishedRun) -> pd.DataFrame | None:
    """Return the scores of every set of images with their intervals; None if there are none."""
    result = run.result("scores")
    if result is None or not result["rows"]:
        return None
    label = result["label"]
    return pd.DataFrame(
        {
            "images": row["title"],
            f"{label} (95 % interval)": _with_interval(row, "fid", 2),
            f"{label} at infinity": _format(row["fid_infinity"], ".2f", "too few images"),
            "KID": f"{row['kid']:.5f}",
            f"{result['inception_label']} (95 % interval)": _with_interval(
                row, "inception_score", 2
            ),
            "precision": f"{row['precision']:.3f}",
            "recall": f"{row['recall']:.3f}",
        }
        for row in result["rows"]
    )


def environment(run: FinishedRun) -> pd.DataFrame:
    """Return versions and machine; where stages differ, all values."""
    values: dict[str, dict[str, None]] = {}
    for record in run.records.values():
        for name, value in record.environment.items():
            values.setdefault(name, {})[value] = None
    return pd.DataFrame({"what": name, "value": "; ".join(each)} for name, each in values.items())


def stages(run: FinishedRun) -> pd.DataFrame:
    """Return when each stage was finished, and its duration."""
    return pd.DataFrame(
        {"stage": r.stage, "finished": r.finished, "seconds": f"{r.seconds:.1f}"}
        for r in run.records.values()
    )


def audit(run: FinishedRun) -> pd.DataFrame | None:
    """Return the scores of the harness's audit, if there are any."""
    rows: list[dict[str, Any]] = [] if run.audit is None else run.audit["rows"]
    if not rows:
        return None
    return pd.DataFrame({key: str(value) for key, value in row.items()} for row in rows)


def two_runs(run: FinishedRun, against: FinishedRun) -> pd.DataFrame:
    """Return the figures of two runs beside each other."""
    columns = {"this run": _figures(run), f"{against.path.name}": _figures(against)}
    frame = pd.DataFrame(columns).fillna("not measured")
    frame.insert(0, "figure", frame.index)
    return frame.reset_index(drop=True)


def _figures(run: FinishedRun) -> dict[str, str]:
    """Return all cells of a run's tables by name."""
    figures = {
        "preset": run.manifest.preset,
        "data": run.manifest.dataset,
        "seed": str(run.manifest.config["train"]["seed"]),
        "epochs": str(run.manifest.scale["epochs"]),
    }
    for name, report in (("U-Net", run.unet_report), ("schedule", run.schedule_report)):
        if report is not None:
            figures[f"verdict on the {name}"] = report.verdict.name
    for make in (precision, training, pixels, times, scores):
        table = make(run)
        if table is None:
            continue
        first, *others = table.columns
        for row in table.to_dict("records"):
            for column in others:
                figures[f"{row[first]}: {column}"] = str(row[column])
    environments = environment(run).itertuples(index=False)
    return {**figures, **{str(row[0]): str(row[1]) for row in environments}}


def text(run: FinishedRun) -> str:
    """Return the run as plain text: the verdict, then the tables."""
    manifest = run.manifest
    verdict = {
        Outcome.AGREE: "agree",
        Outcome.DIFFER: "DIFFER",
        Outcome.TOO_FEW_COMPARED: "agree as far as they were compared, BUT TOO FEW WERE COMPARED",
        Outcome.NOT_COMPARED: "were not compared",
    }[run.outcome]
    parts = [
        f"PyTorch and Jittor {verdict}: preset {manifest.preset}, data {manifest.dataset}, seed"
        f" {manifest.config['train']['seed']}",
        *(f"- {failure}" for failure in failures(run)),
    ]
    for make in (precision, training, pixels, times, scores):
        table = make(run)
        if table is not None:
            parts.append(table.to_string(index=False))
    return "\n\n".join(parts)


def _format(value: float | None, form: str, absent: str = "not a number") -> str:
    """Format a number of a record, where NaN and missing values stand as null."""
    return absent if value is None else format(value, form)


def _with_interval(row: dict[str, Any], name: str, digits: int) -> str:
    value, (low, high) = row[name], row[f"{name}_interval"]
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
