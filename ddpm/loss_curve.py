"""The picture of a run's loss, one curve per framework."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpm.atomic import replacing
from ddpm.errors import InputError

Curve = tuple[NDArray[np.int64], NDArray[np.float64]]

_COLOURS = {"pytorch": "tab:blue", "torch": "tab:blue", "jittor": "tab:orange"}
_OTHERS = ("tab:green", "tab:purple", "tab:brown", "tab:cyan")


def path_for(dataset: str, folder: Path | str = "logs") -> Path:
    """Return `logs/loss_curve_{dataset}.png`."""
    return Path(folder) / f"loss_curve_{dataset}.png"


def smoothed(losses: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the centred moving average over `window` values, fewer at the ends; same shape."""
    kernel = np.ones(min(window, len(losses)))
    counts = np.convolve(np.ones(len(losses)), kernel, mode="same")
    return np.convolve(losses, kernel, mode="same") / counts


def save_loss_curve(curves: Mapping[str, Curve], path: Path | str) -> None:
    """Draw losses over steps: each curve faint as it is, and strong smoothed over 1/50 of it.

    Args:
        curves: name -> (steps, losses), as `runlog.read_losses` gives them. PyTorch is blue and
            Jittor orange, by name.
        path: the PNG to write.

    Raises:
        InputError: there is no curve, one is empty, or the path cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not curves:
        raise InputError(f"{path}: there is no loss curve to draw; give at least one log")
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    others = iter(_OTHERS * len(curves))
    for name, (steps, losses) in curves.items():
        if not len(losses):
            raise InputError(f"{path}: the log of {name} has no steps yet; train first")
        colour = _COLOURS.get(name.lower()) or next(others)
        axes.plot(steps, losses, color=colour, alpha=0.25, linewidth=0.6)
        trend = smoothed(losses, max(1, len(losses) // 50))
        axes.plot(steps, trend, color=colour, linewidth=1.8, label=name)
    axes.set_xlabel("training step")
    axes.set_ylabel("loss: mean squared error of the noise")
    if all((np.asarray(losses) > 0).all() for _, losses in curves.values()):
        axes.set_yscale("log")  # it falls by a decade in the first epoch
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(path, durable=False) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
