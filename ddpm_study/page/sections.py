"""What the page says, section by section: words, pictures and tables from a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ddpm_study.page import charts, tables
from ddpm_study.page.figure_style import Picture, picture
from ddpm_study.page.finished_run import Run
from ddpm_study.page.sample_pictures import sample_pictures

ABSENT = "This stage was left out. To do it: ddpm reproduce --out {path} --only {stage}"


@dataclass(frozen=True)
class Table:
    """A table as rows of text."""

    columns: list[str]
    rows: list[list[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Table:
        """Take a data frame's cells over."""
        return cls(list(frame.columns), [[str(cell) for cell in row] for row in frame.to_numpy()])


@dataclass(frozen=True)
class Section:
    """One section: its address on the page, its heading and what stands under it."""

    name: str
    title: str
    paragraphs: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    absent: str = field(default="")


def sections(run: Run, folder: Path, against: Run | None = None) -> list[Section]:
    """Return every section; the pictures are written into `folder` as well."""
    found = [
        *_comparison(run, against),
        _proof(run),
        _harness(run, folder),
        _schedule(run, folder),
        _training(run, folder),
        _samples(run, folder),
        _scores(run, folder),
        _times(run, folder),
        _memory(run, folder),
        _audit(run),
        _environment(run),
    ]
    return found


def _comparison(run: Run, against: Run | None) -> Iterator[Section]:
    if against is not None:
        text = f"This run and the one in {against.path.name}, figure by figure."
        table = tables.side_by_side(run, against)
        yield Section("against", "Two runs side by side", [text], tables=[Table.of(table)])


def _missing(run: Run, name: str, title: str, stage: str) -> Section:
    return Section(name, title, absent=ABSENT.format(path=run.path, stage=stage))


def _proof(run: Run) -> Section:
    title, table, probe = "The proof", tables.gaps(run), run.result("probe")
    if table is None or probe is None:
        return _missing(run, "proof", title, "probe")
    text = (
        f"{probe['steps']} training steps of {probe['batch']} images and a few samples, run on both"
        " sides in float32 and again in float64; the largest relative gap. A gap that is rounding"
        " shrinks by 2^29 with the precision; a gap that is a fault stays what it was."
    )
    return Section("proof", title, [text], tables=[Table.of(table)])


def _harness(run: Run, folder: Path) -> Section:
    title, report = "Layer by layer", run.report
    if report is None:
        return _missing(run, "layers", title, "parity")
    counts = ", ".join(f"{count:,} {name}" for name, count in report.counts.items() if count)
    worst = tables.places(run)
    told = "the places that fail" if not report.passed else "the places nearest to the limit"
    return Section(
        "layers",
        title,
        [
            f"Every module of both U-Nets, fed the same, forward and backward: {counts}. The"
            " band is what float32 rounding explains there; a dot above it would fail.",
            f"The table names {told}, with the error and what rounding explains, relative to the"
            " largest value.",
        ],
        [
            picture(
                "divergence",
                partial(charts.divergence, report),
                folder,
                alternative="Relative error of each layer, forward and backward,"
                f" against what rounding explains; verdict {report.verdict.name}",
                caption="Error by depth, logarithmic; no layer inherits an error: each is fed the"
                " reference's own input. At 1 lie gradients that are zero in exact arithmetic.",
            )
        ],
        [Table.of(worst)] if worst is not None else [],
    )


def _schedule(run: Run, folder: Path) -> Section:
    title, found = "The noise schedule", run.result("schedule")
    if found is None:
        return _missing(run, "schedule", title, "schedule")
    return Section(
        "schedule",
        title,
        ["Each table of both sides against exact arithmetic with 60 digits."],
        [
            picture(
                "schedule",
                partial(charts.schedule, found["tables"]),
                folder,
                alternative="Largest error of each schedule table in ulps: "
                + ", ".join(
                    f"{t['table']} {t['torch']:.2g} and {t['jittor']:.2g}" for t in found["tables"]
                ),
                caption="Bars: the largest error of a table. Mark: what its operations explain.",
            )
        ],
    )


def _what_is_drawn(ensemble: Mapping[str, Any] | None) -> str:
    """Return the caption of the losses."""
    said = ["Faint: every step; strong: smoothed."]
    if ensemble is not None:
        said.append("Grey band: runs of either side from weights moved by one ulp.")
        if ensemble["horizon"] is not None:
            said.append("Dotted red: the horizon.")
    return " ".join([*said, "Below: how far both losses are apart at each step."])


def _training(run: Run, folder: Path) -> Section:
    title, table = "Training", tables.training(run)
    if table is None:
        return _missing(run, "training", title, "train-torch")
    ensemble = run.result("ensemble")
    paragraphs = ["The same initial weights, batches, timesteps and noise on both sides."]
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
                " late steps, and their relative gap",
                caption=_what_is_drawn(ensemble),
            )
        ],
        [Table.of(table)],
    )


def _horizon(ensemble: dict[str, object]) -> str:
    limit, steps, horizon = ensemble["limit"], ensemble["steps"], ensemble["horizon"]
    if horizon is None:
        return (
            f"Runs from weights moved by one ulp stay within {limit:.0%} of the loss over all"
            f" {steps} steps that were measured: so far two correct runs can be compared."
        )
    return (
        f"Runs from weights moved by one ulp part by {limit:.0%} of the loss at step {horizon}:"
        " past this horizon their losses cannot tell two correct runs from two different ones."
    )


def _samples(run: Run, folder: Path) -> Section:
    title, table = "Samples", tables.pixels(run)
    pictures = sample_pictures(run, folder)
    if not pictures and table is None:
        return _missing(run, "samples", title, "sample-torch")
    return Section("samples", title, [], pictures, [Table.of(table)] if table is not None else [])


def _scores(run: Run, folder: Path) -> Section:
    title, found, table = "Scores", run.result("scores"), tables.scores(run)
    if found is None:
        return _missing(run, "scores", title, "scores")
    if table is None:
        return Section("scores", title, absent=" ".join(found["remarks"]))
    rows = {
        label: [
            {
                "name": row["title"],
                "side": row["side"],
                "value": row[name],
                "low": row[f"{name}_interval"][0],
                "high": row[f"{name}_interval"][1],
            }
            for row in found["rows"]
        ]
        for label, name in ((found["label"], "fid"), (found["inception_label"], "inception_score"))
    }
    return Section(
        "scores",
        title,
        found["remarks"],
        [
            picture(
                "scores",
                partial(charts.intervals, rows),
                folder,
                alternative=f"{found['label']} and {found['inception_label']} of every image set"
                " with their intervals",
                caption="Dot: the score; bar: its 95 % interval over resampled images. Grey: the"
                " same framework from another seed, where nothing else differs.",
            )
        ],
        [Table.of(table)],
    )


def _times(run: Run, folder: Path) -> Section:
    title, table, timing = "Times", tables.ratios(run), run.result("timing")
    if table is None or timing is None:
        return _missing(run, "times", title, "timing")
    seconds = {subject["title"]: subject["seconds"] for subject in timing["subjects"]}
    epochs = {
        side: [epoch["seconds"] for epoch in result["epochs"]]
        for side in ("torch", "jittor")
        if (result := run.result(f"train-{side}")) is not None
    }
    if len(epochs) == 2:
        seconds["epoch (not alternated)"] = epochs
    return Section(
        "times",
        title,
        [
            "Each framework in a process of its own, measured strictly in turn after warm-up, so"
            " that whatever else the machine does meets both. The ratio is the median over pairs,"
            " with an interval; single times on another machine mean little.",
        ],
        [
            picture(
                "times",
                partial(charts.spreads, seconds),
                folder,
                alternative="Seconds of "
                + ", ".join(seconds)
                + " for PyTorch and Jittor, every measurement",
                caption="A dot for each measurement, a bar at the median.",
            )
        ],
        [Table.of(table)],
    )


def _memory(run: Run, folder: Path) -> Section:
    title, timing = "Memory", run.result("timing")
    if timing is None:
        return _missing(run, "memory", title, "timing")
    mebibytes = {
        subject["title"]: {side: peak / 2**20 for side, peak in subject["peak_memory"].items()}
        for subject in timing["subjects"]
    }
    told = "; ".join(
        f"{name}: " + ", ".join(f"{side} {peak:.0f} MiB" for side, peak in sides.items())
        for name, sides in mebibytes.items()
    )
    return Section(
        "memory",
        title,
        ["Largest resident memory of the process that did it, the framework itself included."],
        [
            picture(
                "memory",
                partial(charts.bars, mebibytes, "MiB"),
                folder,
                alternative=f"Peak memory. {told}",
                caption="Peak resident memory of each process.",
            )
        ],
    )


def _audit(run: Run) -> Section:
    title, table = "The gate's own audit", tables.audit(run)
    if table is None:
        absent = (
            "Planted faults caught and false alarms of the harness itself are measured apart from"
            " any run. To show them here: python -m audit --out audit.json, in a checkout, then"
            f" ddpm report --from {run.path} --audit audit.json"
        )
        return Section("audit", title, absent=absent)
    text = "How many planted faults the harness catches, and how often it accuses correct code."
    return Section("audit", title, [text], tables=[Table.of(table)])


def _environment(run: Run) -> Section:
    both = [Table.of(tables.environment(run)), Table.of(tables.stages(run))]
    return Section("environment", "Environment", tables=both)
