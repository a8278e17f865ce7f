"""The sections of the page: their paragraphs, pictures and tables from a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ddpm.wording import counted
from ddpm_study.agreement import SHRINKAGE, ZERO_GRADIENT
from ddpm_study.page import charts, tables
from ddpm_study.page.figure_style import Picture, picture
from ddpm_study.page.finished_run import FinishedRun
from ddpm_study.page.sample_pictures import sample_pictures
from ddpm_study.page.score_remarks import score_remarks
from parity.limits import K

ABSENT = "This stage was left out. To run it: ddpm reproduce --out {path} --only {stage}"


@dataclass(frozen=True)
class Table:
    """A table as rows of text."""

    columns: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Table:
        """Copy the cells of a data frame."""
        return cls(list(frame.columns), [[str(cell) for cell in row] for row in frame.to_numpy()])


@dataclass(frozen=True)
class Section:
    """One section of the page.

    Attributes:
        name: its anchor on the page.
        title: its heading.
        paragraphs, pictures, tables: its content.
        absent: why there is none.
    """

    name: str
    title: str
    paragraphs: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    absent: str = field(default="")


def sections(run: FinishedRun, folder: Path, against: FinishedRun | None = None) -> list[Section]:
    """Return every section; the pictures are written into `folder` as well."""
    return [
        *_comparison(run, against),
        _precision(run),
        _layers(run, folder),
        _schedule(run, folder),
        _training(run, folder),
        _samples(run, folder),
        _scores(run, folder),
        _times(run, folder),
        _memory(run, folder),
        _audit(run),
        _environment(run),
    ]


def _comparison(run: FinishedRun, against: FinishedRun | None) -> Iterator[Section]:
    if against is not None:
        text = f"Every figure of this run and of the one in {against.path.name}."
        table = tables.two_runs(run, against)
        yield Section("against", "Two runs beside each other", [text], tables=[Table.of(table)])


def _missing(run: FinishedRun, name: str, title: str, stage: str) -> Section:
    return Section(name, title, absent=ABSENT.format(path=run.path, stage=stage))


def _precision(run: FinishedRun) -> Section:
    title, table, result = "Float32 and float64", tables.precision(run), run.result("precision")
    if table is None or result is None:
        return _missing(run, "precision", title, "precision")
    images = result["pixels"]["float64"]["images"]
    paragraphs = [
        f"Both frameworks did {result['steps']} training steps of {result['batch']} images and"
        f" sampled {counted(images, 'image')} from the same weights, in float32 and again in"
        " float64. The table shows the largest difference between the two, relative to the largest"
        " value. A difference that comes from rounding becomes about 537 million (2^29) times"
        " smaller in float64; a fault does not become smaller. Every difference that becomes more"
        f" than {SHRINKAGE:,.0f} (2^14.5) times smaller counts as rounding.",
        f"This rule is not the one of the next section, {K:.0f} times the measured noise, because"
        " that noise is measured by repeating each layer several times with slightly changed"
        " inputs, and to repeat a whole training and sampling as often would take too long.",
    ]
    zero = len(result["parameters"]["zero_gradient"])
    if zero:
        paragraphs.append(
            f"{zero} weights are left out because their gradient is zero in exact arithmetic: in"
            " float64 it was measured on both sides, and it is smaller than"
            f" {ZERO_GRADIENT:.0e} of the largest gradient in the same layer, so no digit of it is"
            " more than rounding. What rounding leaves, the optimizer scales up to steps in a"
            " random direction, without effect on the model."
        )
    return Section("precision", title, paragraphs, tables=[Table.of(table)])


def _layers(run: FinishedRun, folder: Path) -> Section:
    title, report = "Layer by layer", run.unet_report
    if report is None:
        return _missing(run, "layers", title, "parity")
    counts = ", ".join(f"{count:,} {name}" for name, count in report.counts.items() if count)
    table = tables.findings(run)
    listed = "tensors that fail" if not report.passed else "tensors nearest to the limit"
    return Section(
        "layers",
        title,
        [
            "Every module of both U-Nets got the same inputs and the same output gradients, and the"
            f" tensors that it returned were compared: {counts}. The grey band is the noise that"
            f" float32 rounding causes there, measured in this run. The limit, the dashed line, is"
            f" {K:.0f} times that noise: a dot above it fails, or is reported as"
            " NUMERICALLY_WEAKER where only one side loses digits.",
            f"The table lists the {listed}, with error and noise relative to the largest value of"
            " the tensor.",
        ],
        [
            picture(
                "divergence",
                partial(charts.divergence, report),
                folder,
                alternative="Relative error of each tensor, forward and backward, with rounding"
                f" noise and limit; verdict {report.verdict.name}",
                caption="Every dot should lie below the dashed line. Errors do not add up from"
                " layer to layer, since each layer gets the reference's own input. Dots near 1 are"
                " gradients that are zero in exact arithmetic: only rounding is left of them.",
            )
        ],
        [Table.of(table)] if table is not None else [],
    )


def _schedule(run: FinishedRun, folder: Path) -> Section:
    title, result, report = "The noise schedule", run.result("schedule"), run.schedule_report
    if result is None or report is None:
        return _missing(run, "schedule", title, "schedule")
    return Section(
        "schedule",
        title,
        [
            "The tables of both frameworks against exact arithmetic with 60 digits, in units in the"
            f" last place (ulps) of float64. Verdict: {report.verdict.name}; "
            + (
                "no error is larger than the rounding of the table's operations explains."
                if report.passed
                else "an error is larger than the rounding of its table's operations explains."
            )
        ],
        [
            picture(
                "schedule",
                partial(charts.schedule, result["tables"]),
                folder,
                alternative="Largest error of each schedule table in ulps: "
                + ", ".join(
                    f"{t['table']} {t['torch']:.2g} and {t['jittor']:.2g}" for t in result["tables"]
                ),
                caption="Every bar, the largest error of a table, should end left of the red mark,"
                " the largest error that the rounding of its operations explains.",
            )
        ],
    )


def _loss_caption(ensemble: Mapping[str, Any] | None) -> str:
    sentences = [
        "The two curves should lie on each other at first (faint: every step; strong: smoothed)."
    ]
    if ensemble is not None:
        sentences.append(
            "Grey band: the same trainings from initial weights perturbed by one unit in the last"
            " place."
        )
        if ensemble["horizon"] is not None:
            sentences.append(
                "Dotted red line: the step by which rounding alone makes two trainings differ."
            )
    return " ".join([*sentences, "Bottom: the difference of the two losses at each step."])


def _training(run: FinishedRun, folder: Path) -> Section:
    title, table = "Training", tables.training(run)
    if table is None:
        return _missing(run, "training", title, "train-torch")
    ensemble = run.result("ensemble")
    paragraphs = [
        "Both frameworks trained from the same initial weights, on the same batches, with the same"
        " timesteps and noise."
    ]
    if ensemble is not None:
        paragraphs.append(_horizon(ensemble))
    return Section(
        "training",
        title,
        paragraphs,
        [
            picture(
                "loss",
                partial(charts.losses, run.losses, ensemble),
                folder,
                alternative="Loss of PyTorch and Jittor over all steps, in the early, middle and"
                " late steps, and their relative difference",
                caption=_loss_caption(ensemble),
            )
        ],
        [Table.of(table)],
    )


def _horizon(ensemble: Mapping[str, Any]) -> str:
    limit, steps, horizon = ensemble["limit"], ensemble["steps"], ensemble["horizon"]
    if horizon is None:
        return (
            "When the initial weights are changed by one unit in the last place, the loss changes"
            f" by less than {limit:.0%} over all {steps} steps that were measured: so far the"
            " losses of two correct implementations can be compared."
        )
    return (
        "When the initial weights are changed by one unit in the last place, the loss changes by"
        f" {limit:.0%} at step {horizon}: from then on rounding alone makes two trainings differ,"
        " and their losses say nothing about whether two implementations agree."
    )


def _samples(run: FinishedRun, folder: Path) -> Section:
    title, table = "Samples", tables.pixels(run)
    pictures = sample_pictures(run, folder)
    if not pictures and table is None:
        return _missing(run, "samples", title, "sample-torch")
    return Section("samples", title, [], pictures, [Table.of(table)] if table is not None else [])


def _scores(run: FinishedRun, folder: Path) -> Section:
    title, result, table = "Scores", run.result("scores"), tables.scores(run)
    if result is None:
        return _missing(run, "scores", title, "scores")
    remarks = score_remarks(result)
    if table is None:
        return Section("scores", title, absent=" ".join(remarks))
    labels = {result["label"]: "fid", result["inception_label"]: "inception_score"}
    rows = {
        label: [
            {
                "name": row["title"],
                "framework": row["framework"],
                "value": row[name],
                "low": row[f"{name}_interval"][0],
                "high": row[f"{name}_interval"][1],
            }
            for row in result["rows"]
        ]
        for label, name in labels.items()
    }
    return Section(
        "scores",
        title,
        remarks,
        [
            picture(
                "scores",
                partial(charts.intervals, rows),
                folder,
                alternative=f"{result['label']} and {result['inception_label']} of every image set"
                " with their intervals",
                caption="The two frameworks (dot: score; bar: 95 % interval over resampled images)"
                " should be no farther apart than the grey rows, which are PyTorch from other"
                " seeds.",
            )
        ],
        [Table.of(table)],
    )


def _times(run: FinishedRun, folder: Path) -> Section:
    title, table, timing = "Times", tables.times(run), run.result("timing")
    if table is None or timing is None:
        return _missing(run, "times", title, "timing")
    seconds = {benchmark["title"]: benchmark["seconds"] for benchmark in timing["benchmarks"]}
    epochs = {
        framework: [epoch["seconds"] for epoch in result["epochs"]]
        for framework in ("torch", "jittor")
        if (result := run.result(f"train-{framework}")) is not None
    }
    if len(epochs) == 2:
        seconds["epoch (not in turn)"] = epochs
    return Section(
        "times",
        title,
        [
            "Each framework ran in its own process, and the two were measured strictly in turn"
            " after warm-up, so that whatever else the machine does slows both. The ratio is the"
            " median over pairs of measurements, with its interval; the times themselves hold for"
            " this machine only.",
        ],
        [
            picture(
                "times",
                partial(charts.measurements, seconds),
                folder,
                alternative="Seconds of "
                + ", ".join(seconds)
                + " for PyTorch and Jittor, every measurement",
                caption="Compare the horizontal bars, the medians, and see from the dots, the"
                " single measurements, how far these scatter.",
            )
        ],
        [Table.of(table)],
    )


def _memory(run: FinishedRun, folder: Path) -> Section:
    title, timing = "Memory", run.result("timing")
    if timing is None:
        return _missing(run, "memory", title, "timing")
    mebibytes = {
        benchmark["title"]: {f: peak / 2**20 for f, peak in benchmark["peak_memory"].items()}
        for benchmark in timing["benchmarks"]
    }
    values = "; ".join(
        f"{name}: " + ", ".join(f"{framework} {peak:.0f} MiB" for framework, peak in peaks.items())
        for name, peaks in mebibytes.items()
    )
    return Section(
        "memory",
        title,
        ["Largest resident memory of each timed process, the framework itself included."],
        [
            picture(
                "memory",
                partial(charts.bars, mebibytes, "MiB"),
                folder,
                alternative=f"Peak memory. {values}",
                caption="A shorter bar needs less memory; both are of the same model and batch.",
            )
        ],
    )


def _audit(run: FinishedRun) -> Section:
    title, table = "How well the harness finds faults", tables.audit(run)
    if table is None:
        absent = (
            "The audit injects faults into correct code and counts how many the harness finds, and"
            " how often it reports correct code as faulty. It is no part of a run. To show it here,"
            " type python -m audit --out audit.json in a checkout, then ddpm report --from"
            f" {run.path} --audit audit.json"
        )
        return Section("audit", title, absent=absent)
    text = (
        "How many injected faults the harness finds, and how often it reports correct code as"
        " faulty."
    )
    return Section("audit", title, [text], tables=[Table.of(table)])


def _environment(run: FinishedRun) -> Section:
    both = [Table.of(tables.environment(run)), Table.of(tables.stages(run))]
    return Section("environment", "Environment", tables=both)
