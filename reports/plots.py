"""Pictures of both frameworks side by side; PyTorch is blue, Jittor orange."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddpm import images
from ddpm.atomic import replacing
from ddpm.loss_curve import smoothed

BLUE, ORANGE, GREY = "tab:blue", "tab:orange", "0.4"
Frames = Mapping[int, np.ndarray]


def save_losses(torch: np.ndarray, jittor: np.ndarray, path: Path) -> None:
    """Draw both loss curves, and below them their relative gap on a logarithmic scale."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    window = max(1, len(torch) // 50)
    for name, losses, colour, dash in (
        ("PyTorch", torch, BLUE, "-"),
        ("Jittor", jittor, ORANGE, "--"),
    ):
        above.plot(losses, color=colour, alpha=0.25, linewidth=0.6)
        above.plot(smoothed(losses, window), dash, color=colour, linewidth=1.8, label=name)
    above.set(yscale="log", ylabel="loss")
    above.legend()
    gap = np.abs(torch - jittor) / np.abs(torch)
    below.plot(np.maximum(gap, np.finfo(np.float32).eps / 4), color=GREY, linewidth=0.8)
    below.axhline(np.finfo(np.float32).eps, color="black", linewidth=0.8, linestyle=":")
    below.annotate("float32 epsilon", (0, np.finfo(np.float32).eps), va="bottom", fontsize=8)
    below.set(yscale="log", xlabel="training step", ylabel="relative gap of the loss")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    _save(figure, path)


def save_samples(torch: np.ndarray, jittor: np.ndarray, path: Path) -> None:
    """Show the grids of both, and their difference magnified until it can be seen."""
    difference, factor = _magnified(torch - jittor)
    columns = {"PyTorch": torch, "Jittor": jittor, f"difference × {factor:.0e}": difference}
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    for axes, (title, pictures) in zip(figure.subplots(1, 3), columns.items(), strict=True):
        _show(axes, images.grid(pictures, scale=2), title)
    _save(figure, path)


def save_strips(torch: Frames, jittor: Frames, path: Path, *, rows: int = 4) -> None:
    """Show both denoising strips, one above the other, and their difference magnified."""
    timesteps = sorted(torch, reverse=True)
    ours, theirs = (
        np.stack([frames[t][:rows] for t in timesteps], axis=1) for frames in (torch, jittor)
    )
    difference, factor = _magnified(ours - theirs)
    figure = Figure(figsize=(7.5, 2.6 * rows), layout="constrained")
    titles = ("PyTorch", "Jittor", f"difference × {factor:.0e}")
    parts = (ours, theirs, difference)
    for axes, title, part in zip(figure.subplots(3, 1), titles, parts, strict=True):
        flat = part.reshape(-1, *part.shape[2:])
        _show(axes, images.grid(flat, columns=len(timesteps), scale=2), title)
    axes.set_xlabel("from noise, t = T, on the left to the image, t = 0, on the right")
    _save(figure, path)


def _magnified(difference: np.ndarray) -> tuple[np.ndarray, float]:
    """Scale a difference by a power of ten so that its largest value is between 0.1 and 1."""
    largest = np.abs(difference).max(initial=0)
    factor = 10.0 ** np.floor(-np.log10(largest)) if largest > 0 else 1.0
    return difference * factor, factor


def _show(axes: Axes, picture: np.ndarray, title: str) -> None:
    """Draw one picture (C, H, W) in [-1, 1]."""
    pixels = images.to_uint8(picture).transpose(1, 2, 0)
    axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with replacing(path, durable=False) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
