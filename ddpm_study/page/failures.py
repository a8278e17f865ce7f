"""The sentences for what does not agree in a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddpm_study.agreement import SHRINKAGE
from ddpm_study.page.finished_run import FinishedRun
from parity.report.report import Report


def failures(run: FinishedRun) -> list[str]:
    """Return one sentence for everything that does not agree or was not compared."""
    sentences: list[str] = []
    if run.unet_report is not None and not run.unet_report.passed:
        sentences.append(_unet(run.unet_report))
    if run.schedule_report is not None and not run.schedule_report.passed:
        sentences.append(_schedule(run.schedule_report))
    precision = run.result("precision")
    return sentences if precision is None else [*sentences, *_precision(precision)]


def _unet(report: Report) -> str:
    first = report.first_divergence
    where = "nothing was compared"
    if first is not None:
        where = f"first in the {first.phase} pass of {first.path or 'the model itself'}"
    return f"Layer by layer: {report.verdict.name}, {where}."


def _schedule(report: Report) -> str:
    first = report.first_divergence
    where = "nothing was compared"
    if first is not None:
        where = (
            f"the table {first.label} is {first.error:.3g} units in the last place from exact"
            f" arithmetic, where rounding explains {first.noise:.3g}"
        )
    return f"Noise schedule: {report.verdict.name}, {where}."


def _precision(precision: dict[str, Any]) -> Iterator[str]:
    for discrepancy in precision["discrepancies"]:
        if not discrepancy["is_rounding"]:
            yield (
                f"Float32 and float64: the difference in {discrepancy['quantity']} is"
                f" {number(discrepancy['float32'])} in float32 and"
                f" {number(discrepancy['float64'])} in float64; rounding would be at least"
                f" {SHRINKAGE:,.0f} times smaller in float64."
            )
    parameters = precision["parameters"]
    total = sum(map(len, parameters.values()))
    if parameters["no_gradient"] or not parameters["compared"]:
        yield (
            f"Too few compared: {len(parameters['no_gradient'])} of {total} weights got no gradient"
            f" in {precision['steps']} training steps, so their training was not tested. Run it"
            " with more steps: --scale precision_steps=20."
        )


def number(value: float | None) -> str:
    """Format a difference; NaN stands as null in a record."""
    return "not a number" if value is None else format(value, ".1e")
