"""Charts of a run's figures; PyTorch is blue, Jittor orange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddpm.loss_curve import smoothed
from ddpm_study.page.figure_style import COLOURS, GREEN, GREY, RED
from implementations import TITLES
from parity.report.finding import Finding
from parity.report.report import Report

EPSILON = float(np.finfo(np.float32).eps)
_FLOOR, _CEILING = 1e-18, 1.0
WINDOW = 200  # steps in the early, middle and late views


def divergence(report: Report) -> Figure:
    """Error and noise of every place in order of execution, forward above, backward below."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, phase in zip(figure.subplots(2, 1), ("forward", "backward"), strict=True):
        found = [f for f in report.findings if f.phase == phase and np.isfinite(f.error)]
        _divergence(axes, found)
        axes.set(ylabel=f"{phase}: relative error")
    axes.set(xlabel="place, in order of execution")
    return figure


def _divergence(axes: Axes, findings: Sequence[Finding]) -> None:
    places = np.arange(len(findings))
    errors, noise = (
        np.maximum([getattr(f, what) for f in findings], _FLOOR) for what in ("error", "noise")
    )
    errors = np.minimum(errors, _CEILING)
    passes = np.array([f.passes() for f in findings], bool)
    axes.fill_between(places, _FLOOR, noise, color=GREY, alpha=0.3, step="mid", linewidth=0,
                      label="what rounding explains")  # fmt: skip
    for chosen, colour, label in ((passes, GREEN, "passes"), (~passes, RED, "fails")):
        if chosen.any():
            axes.scatter(places[chosen], errors[chosen], s=8, color=colour, label=label, zorder=3)
    axes.set(yscale="log", ylim=(1e-10, 10 * _CEILING))
    axes.legend(loc="lower right", ncols=3)


def schedule(tables: Sequence[Mapping[str, Any]]) -> Figure:
    """Largest error of each table in ulps, beside what its operations explain."""
    figure = Figure(figsize=(9, 0.45 * len(tables) + 1.2), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(tables))
    for offset, side in ((-0.2, "torch"), (0.2, "jittor")):
        values = np.maximum([table[side] for table in tables], 0.05)
        axes.barh(rows + offset, values, 0.36, color=COLOURS[side], label=TITLES[side])
    explained = [table["explained"] for table in tables]
    axes.scatter(explained, rows, marker="|", s=220, color=GREY, label="explained by rounding")
    axes.set(xscale="log", xlabel="largest error against exact arithmetic, ulps of float64")
    axes.set_yticks(rows, [table["table"] for table in tables])
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def losses(curves: Mapping[str, np.ndarray], ensemble: Mapping[str, Any] | None) -> Figure:
    """Both losses: whole, and the early, middle and late steps, with the ensemble's band."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=[2, 1.4, 1.2])
    length = max(map(len, curves.values()))
    whole = figure.add_subplot(grid[0, :])
    _curves(whole, curves, slice(0, length), smooth=True)
    whole.set(yscale="log", ylabel="loss", xlabel="training step")
    whole.legend()
    parts = _parts(length)
    for i, (title, part) in enumerate(parts):
        axes = figure.add_subplot(grid[1, i] if len(parts) > 1 else grid[1, :])
        _curves(axes, curves, part, smooth=False)
        if ensemble is not None and part.start < ensemble["steps"]:
            _band(axes, curves["torch"], ensemble, part.start, part.stop)
        axes.set(title=title)
    if len(curves) == 2:
        _gap(figure.add_subplot(grid[2, :]), curves, ensemble)
    return figure


def _parts(length: int) -> list[tuple[str, slice]]:
    """Return the early, middle and late steps of a run, or all where there are no more."""
    if length <= WINDOW:
        return [(f"all {length} steps", slice(0, length))]
    starts = {"early": 0, "middle": (length - WINDOW) // 2, "late": length - WINDOW}
    return [
        (f"{name} {WINDOW} steps", slice(start, start + WINDOW)) for name, start in starts.items()
    ]


def _curves(axes: Axes, curves: Mapping[str, np.ndarray], part: slice, *, smooth: bool) -> None:
    for (side, values), dash in zip(curves.items(), ("-", "--"), strict=False):
        steps = np.arange(len(values))[part]
        if smooth:
            axes.plot(steps, values[part], color=COLOURS[side], alpha=0.25, linewidth=0.6)
            values = smoothed(values, max(1, len(values) // 50))
        axes.plot(steps, values[part], dash, color=COLOURS[side], linewidth=1.4, label=TITLES[side])


def _band(axes: Axes, base: np.ndarray, ensemble: Mapping[str, Any], start: int, stop: int) -> None:
    """Shade where one-ulp ensembles lie around PyTorch's curve, and mark the horizon."""
    spread = _grown(ensemble)[start:stop]
    steps = np.arange(start, start + len(spread))
    centre = base[start : start + len(spread)]
    axes.fill_between(
        steps, centre * (1 - spread), centre * (1 + spread), color=GREY, alpha=0.35, linewidth=0
    )
    if ensemble["horizon"] is not None and start <= ensemble["horizon"] < stop:
        axes.axvline(ensemble["horizon"], color=RED, linewidth=1, linestyle=":")


def _grown(ensemble: Mapping[str, Any]) -> np.ndarray:
    """Return the widest spread so far; a null of the record is NaN."""
    return np.maximum.accumulate(np.array(ensemble["spread"], np.float64))


def _gap(axes: Axes, curves: Mapping[str, np.ndarray], ensemble: Mapping[str, Any] | None) -> None:
    steps = min(map(len, curves.values()))
    torch, jittor = (curves[side][:steps] for side in ("torch", "jittor"))
    gap = np.abs(torch - jittor) / np.abs(torch)
    axes.plot(np.maximum(gap, EPSILON / 8), color=GREY, linewidth=0.8, label="PyTorch to Jittor")
    axes.axhline(EPSILON, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "float32 epsilon", (0.99, EPSILON), va="bottom", ha="right", fontsize=8,
        xycoords=("axes fraction", "data"),
    )  # fmt: skip
    if ensemble is not None:
        axes.plot(
            np.maximum(_grown(ensemble), EPSILON / 8),
            color=GREEN,
            label="one ulp, the widest so far",
        )
        if ensemble["horizon"] is not None:
            axes.axvline(ensemble["horizon"], color=RED, linestyle=":", label="horizon")
    axes.set(yscale="log", xlabel="training step", ylabel="relative gap")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)  # above, where no curve is


def spreads(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Times of each subject, a dot a measurement and a bar at the median, one panel a subject."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(seconds)))
    for axes, (subject, sides) in zip(panels, seconds.items(), strict=True):
        for row, (side, values) in enumerate(sides.items()):
            jitter = np.linspace(-0.18, 0.18, len(values))
            axes.scatter(row + jitter, values, s=14, color=COLOURS[side], alpha=0.7)
            axes.plot([row - 0.3, row + 0.3], [np.median(values)] * 2, color=COLOURS[side], lw=2)
        top = 1.08 * max(map(max, sides.values()))
        axes.set(title=subject, ylabel="seconds", ylim=(0, top), xlim=(-0.6, len(sides) - 0.4))
        axes.set_xticks(range(len(sides)), [TITLES[side] for side in sides])
    return figure


def bars(values: Mapping[str, Mapping[str, float]], unit: str) -> Figure:
    """Bars of both sides for each thing that was measured."""
    figure = Figure(figsize=(9, 0.8 * len(values) + 1.3), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(values))
    for offset, side in ((-0.2, "torch"), (0.2, "jittor")):
        lengths = [sides.get(side, 0.0) for sides in values.values()]
        drawn = axes.barh(rows + offset, lengths, 0.36, color=COLOURS[side], label=TITLES[side])
        axes.bar_label(drawn, fmt="%.0f", padding=3, fontsize=8)
    axes.set_yticks(rows, list(values))
    axes.set(xlabel=unit)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def intervals(scores: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel a score, one line an image set: the value and its interval.

    Args:
        scores: score -> rows of `name`, `value`, `low`, `high` and `side`.
    """
    rows = max(map(len, scores.values()))
    figure = Figure(figsize=(9, 0.38 * rows + 1.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(scores), sharey=True))
    for axes, (score, lines) in zip(panels, scores.items(), strict=True):
        for row, line in enumerate(lines):
            colour = COLOURS.get(line["side"], GREY)
            axes.plot([line["low"], line["high"]], [row, row], color=colour, linewidth=3, alpha=0.4)
            axes.plot(line["value"], row, "o", color=colour)
        axes.set(xlabel=score)
        axes.set_yticks(range(len(lines)), [line["name"] for line in lines])
    panels[0].invert_yaxis()
    return figure
