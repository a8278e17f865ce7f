"""Charts of a run's figures; PyTorch is blue, Jittor orange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddpm.logs.loss_curve import smoothed
from ddpm_study.page.figure_style import AMBER, COLOURS, GREEN, GREY, RED
from implementations import TITLES
from parity.limits import FLOAT32_EPSILON, K
from parity.report.finding import Finding
from parity.report.report import Report
from parity.verdict import Verdict

_FLOOR, _CEILING = 1e-18, 1.0
WINDOW = 200  # steps in the early, middle and late views
OFFSETS = {"torch": -0.2, "jittor": 0.2}  # of the two frameworks' bars in a row


def divergence(report: Report) -> Figure:
    """Draw error, noise and limit of every tensor in order of execution, forward above backward."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, phase in zip(figure.subplots(2, 1), ("forward", "backward"), strict=True):
        measured = [f for f in report.findings if f.phase == phase and np.isfinite(f.error)]
        _divergence(axes, measured)
        axes.set(ylabel=f"{phase}: relative error")
    axes.set(xlabel="tensors in order of execution")
    return figure


def _divergence(axes: Axes, findings: Sequence[Finding]) -> None:
    positions = np.arange(len(findings))
    errors = np.clip([f.error for f in findings], _FLOOR, _CEILING)
    noise = np.maximum([f.noise for f in findings], _FLOOR)
    axes.fill_between(positions, _FLOOR, noise, color=GREY, alpha=0.3, step="mid", linewidth=0,
                      label="rounding noise")  # fmt: skip
    axes.step(positions, K * noise, where="mid", color=RED, linewidth=1, linestyle="--",
              label=f"limit: {K:.0f} times the noise")  # fmt: skip
    weaker = np.array([f.verdict is Verdict.NUMERICALLY_WEAKER for f in findings], bool)
    passes = np.array([f.passes() for f in findings], bool)
    for chosen, colour, label in (
        (passes & ~weaker, GREEN, "passes"),
        (passes & weaker, AMBER, "passes, one side loses digits"),
        (~passes, RED, "fails"),
    ):
        if chosen.any():
            axes.scatter(positions[chosen], errors[chosen], s=8, color=colour, label=label,
                         zorder=3)  # fmt: skip
    axes.set(yscale="log", ylim=(1e-10, 100 * _CEILING))
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize=8)


def schedule(tables: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the largest error of each table in ulps, beside the limit that its operations allow."""
    figure = Figure(figsize=(9, 0.45 * len(tables) + 1.2), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(tables))
    for framework, offset in OFFSETS.items():
        values = np.maximum([table[framework] for table in tables], 0.05)
        axes.barh(rows + offset, values, 0.36, color=COLOURS[framework], label=TITLES[framework])
    limits = [table["explained"] for table in tables]
    axes.scatter(limits, rows, marker="|", s=220, color=RED, label="limit: explained by rounding")
    axes.set(xscale="log", xlabel="largest error against exact arithmetic, ulps of float64")
    axes.set_yticks(rows, [table["table"] for table in tables])
    axes.invert_yaxis()
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def losses(curves: Mapping[str, np.ndarray], ensemble: Mapping[str, Any] | None) -> Figure:
    """Draw both losses: all steps, early, middle and late steps, and their difference."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=[2, 1.4, 1.2])
    length = max(map(len, curves.values()))
    overview = figure.add_subplot(grid[0, :])
    _curves(overview, curves, slice(0, length), smooth=True)
    overview.set(yscale="log", ylabel="loss", xlabel="training step")
    overview.legend()
    parts = _parts(length)
    for i, (title, part) in enumerate(parts):
        axes = figure.add_subplot(grid[1, i] if len(parts) > 1 else grid[1, :])
        _curves(axes, curves, part, smooth=False)
        if ensemble is not None and "torch" in curves and part.start < ensemble["steps"]:
            _band(axes, curves["torch"], ensemble, part.start, part.stop)
        axes.set(title=title)
    if len(curves) == 2:
        _difference(figure.add_subplot(grid[2, :]), curves, ensemble)
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
    for (framework, values), dash in zip(curves.items(), ("-", "--"), strict=False):
        colour, steps = COLOURS[framework], np.arange(len(values))[part]
        if smooth:
            axes.plot(steps, values[part], color=colour, alpha=0.25, linewidth=0.6)
            values = smoothed(values, max(1, len(values) // 50))
        axes.plot(steps, values[part], dash, color=colour, linewidth=1.4, label=TITLES[framework])


def _band(axes: Axes, base: np.ndarray, ensemble: Mapping[str, Any], start: int, stop: int) -> None:
    """Shade the spread of the one-ulp ensembles around PyTorch's curve, and mark the horizon."""
    spread = _largest_so_far(ensemble)[start:stop]
    steps = np.arange(start, start + len(spread))
    centre = base[start : start + len(spread)]
    axes.fill_between(
        steps, centre * (1 - spread), centre * (1 + spread), color=GREY, alpha=0.35, linewidth=0
    )
    if ensemble["horizon"] is not None and start <= ensemble["horizon"] < stop:
        axes.axvline(ensemble["horizon"], color=RED, linewidth=1, linestyle=":")


def _largest_so_far(ensemble: Mapping[str, Any]) -> np.ndarray:
    """Return the largest spread up to each step; a null of the record is NaN."""
    return np.maximum.accumulate(np.array(ensemble["spread"], np.float64))


def _difference(
    axes: Axes, curves: Mapping[str, np.ndarray], ensemble: Mapping[str, Any] | None
) -> None:
    """Draw the relative difference of the two losses, and the spread of the ensembles."""
    steps = min(map(len, curves.values()))
    torch, jittor = (curves[framework][:steps] for framework in ("torch", "jittor"))
    difference = np.abs(torch - jittor) / np.abs(torch)
    axes.plot(np.maximum(difference, FLOAT32_EPSILON / 8), color=GREY, linewidth=0.8,
              label="PyTorch to Jittor")  # fmt: skip
    axes.axhline(FLOAT32_EPSILON, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate(
        "float32 epsilon", (0.99, FLOAT32_EPSILON), va="bottom", ha="right", fontsize=8,
        xycoords=("axes fraction", "data"),
    )  # fmt: skip
    if ensemble is not None:
        axes.plot(
            np.maximum(_largest_so_far(ensemble), FLOAT32_EPSILON / 8),
            color=GREEN,
            label="perturbed by one ulp, largest so far",
        )
        if ensemble["horizon"] is not None:
            axes.axvline(ensemble["horizon"], color=RED, linestyle=":", label="horizon")
    axes.set(yscale="log", xlabel="training step", ylabel="relative\ndifference")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)  # above the curves


def measurements(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw one panel for each benchmark: a dot for each measurement and a bar at the median."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(seconds)))
    for axes, (benchmark, frameworks) in zip(panels, seconds.items(), strict=True):
        for column, (framework, values) in enumerate(frameworks.items()):
            colour, jitter = COLOURS[framework], np.linspace(-0.18, 0.18, len(values))
            axes.scatter(column + jitter, values, s=14, color=colour, alpha=0.7)
            axes.plot([column - 0.3, column + 0.3], [np.median(values)] * 2, color=colour, lw=2)
        top = 1.08 * max(map(max, frameworks.values()))
        axes.set(title=benchmark, ylabel="seconds", ylim=(0, top))
        axes.set(xlim=(-0.6, len(frameworks) - 0.4))
        axes.set_xticks(range(len(frameworks)), [TITLES[framework] for framework in frameworks])
    return figure


def bars(values: Mapping[str, Mapping[str, float]], unit: str) -> Figure:
    """Draw a bar of each framework for each quantity."""
    figure = Figure(figsize=(9, 0.8 * len(values) + 1.3), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(values))
    for framework, offset in OFFSETS.items():
        lengths = [frameworks.get(framework, 0.0) for frameworks in values.values()]
        drawn = axes.barh(
            rows + offset, lengths, 0.36, color=COLOURS[framework], label=TITLES[framework]
        )
        axes.bar_label(drawn, fmt="%.0f", padding=3, fontsize=8)
    axes.set_yticks(rows, list(values))
    axes.set(xlabel=unit)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    figure.legend(loc="outside upper right", ncols=2)
    return figure


def intervals(scores: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw one panel for each score, with the value and interval of every image set in a line.

    Args:
        scores: score -> rows of `name`, `value`, `low`, `high` and `framework`.
    """
    rows = max(map(len, scores.values()))
    figure = Figure(figsize=(9, 0.38 * rows + 1.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(scores), sharey=True))
    for axes, (score, lines) in zip(panels, scores.items(), strict=True):
        for row, line in enumerate(lines):
            colour = COLOURS.get(line["framework"], GREY)
            axes.plot([line["low"], line["high"]], [row, row], color=colour, linewidth=3, alpha=0.4)
            axes.plot(line["value"], row, "o", color=colour)
        axes.set(xlabel=score)
        axes.set_yticks(range(len(lines)), [line["name"] for line in lines])
    panels[0].invert_yaxis()
    return figure
