"""The picture of a run's loss, one curve per framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ddpm.errors import InputError
from safe_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]

_COLOURS = {"jittor": "tab:orange", "torch": "tab:blue"}
_OTHERS = ("tab:green", "tab:purple", "tab:brown", "tab:cyan")


def path_for(dataset: str, folder: Path | str = "logs") -> Path:
    """Return `logs/loss_curve_{dataset}.png`."""
    return Path(folder) / f"loss_curve_{dataset}.png"


def smoothed(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the centred moving average over `window` values, fewer at the ends; same shape.

    Values that are not finite are left out of it; where none is left, it is NaN.
    """
    finite = np.isfinite(losses)
    sums = np.concatenate([[0.0], np.where(finite, losses, 0.0).cumsum()])
    counts = np.concatenate([[0], finite.cumsum()])
    positions = np.arange(len(losses))
    start = (positions - (window - 1) // 2).clip(min=0)
    stop = (positions + window // 2 + 1).clip(max=len(losses))
    with np.errstate(invalid="ignore"):
        return (sums[stop] - sums[start]) / (counts[stop] - counts[start])


def save_loss_curve(curves: Mapping[str, Curve], path: Path | str) -> None:
    """Draw losses over steps: each curve faint as it is, and strong smoothed over 1/50 of it.

    Args:
        curves: name -> (steps, losses), as `runlog.read_losses` gives them. What has PyTorch
            in its name is blue, what has Jittor orange.
        path: the PNG to write.

    Raises:
        InputError: there is no curve, or one is empty.
        CannotWrite: the path cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not curves:
        raise InputError(f"{path}: there is no loss curve to draw; give at least one log")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    others = iter(_OTHERS * len(curves))
    for i, (name, (steps, losses)) in enumerate(curves.items()):
        if not len(losses):
            raise InputError(f"{path}: the log of {name} has no steps yet; train first")
        known = (colour for word, colour in _COLOURS.items() if word in name.lower())
        colour = next(known, None) or next(others)
        axes.plot(steps, losses, color=colour, alpha=0.25, linewidth=0.6)
        trend = smoothed(losses, max(1, len(losses) // 50))
        dashes = "--" if i else "-"  # so that equal curves do not hide each other
        axes.plot(steps, trend, dashes, color=colour, linewidth=1.8, label=name)
    _set_scale(axes, np.concatenate([losses for _, losses in curves.values()]))
    axes.set_xlabel("training step")
    axes.set_ylabel("loss: mean squared error of the noise")
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _set_scale(axes: Axes, losses: NDArray[np.float64]) -> None:
    """Choose decades where the losses allow them, and a height above 0 where they are all equal."""
    finite = losses[np.isfinite(losses)]
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if low > high:
        return
    if high - low <= 1e-9 * abs(high):
        margin = abs(high) / 2 or 1.0
        axes.set_ylim(low - margin, high + margin)
    if low > 0 and high < 1e12 * low:
        axes.set_yscale("log")  # the loss falls by a decade in the first epoch
