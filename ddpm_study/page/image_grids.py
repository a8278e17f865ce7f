"""Images of both frameworks side by side, and their difference, magnified to be visible."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddpm import images

Frames = Mapping[int, np.ndarray]
SHOWN = 36  # images in a grid


def grids(torch: np.ndarray, jittor: np.ndarray) -> Figure:
    """Show the grids of both (N, C, H, W) and their difference."""
    torch, jittor = torch[:SHOWN], jittor[:SHOWN]
    difference, factor = magnified(torch - jittor)
    columns = {"PyTorch": torch, "Jittor": jittor, _difference_title(factor): difference}
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    for axes, (title, pictures) in zip(figure.subplots(1, 3), columns.items(), strict=True):
        _show(axes, images.grid(pictures, scale=3), title)
    return figure


def strips(torch: Frames, jittor: Frames, *, rows: int = 4) -> Figure:
    """Show both denoising strips, from noise to image, and their difference below."""
    timesteps = sorted(torch, reverse=True)
    torch_rows, jittor_rows = (
        np.stack([frames[t][:rows] for t in timesteps], axis=1) for frames in (torch, jittor)
    )
    difference, factor = magnified(torch_rows - jittor_rows)
    rows = len(torch_rows)
    figure = Figure(figsize=(9, 0.95 * rows * 3 + 1), layout="constrained")
    titles = ("PyTorch", "Jittor", _difference_title(factor))
    for axes, title, part in zip(
        figure.subplots(3, 1), titles, (torch_rows, jittor_rows, difference), strict=True
    ):
        flat = part.reshape(-1, *part.shape[2:])
        _show(axes, images.grid(flat, columns=len(timesteps), scale=3), title)
    axes.set_xlabel("timestep: " + ", ".join(map(str, timesteps)))
    return figure


def magnified(difference: np.ndarray) -> tuple[np.ndarray, float]:
    """Scale a difference by a power of ten so that its largest value is between 0.1 and 1."""
    largest = np.abs(difference).max(initial=0)
    factor = 10.0 ** np.floor(-np.log10(largest)) if largest > 0 else 1.0
    return difference * factor, float(factor)


def _difference_title(factor: float) -> str:
    return f"difference × {factor:,.0f}" if factor >= 1 else f"difference × {factor:g}"


def _show(axes: Axes, picture: np.ndarray, title: str) -> None:
    """Draw one picture (C, H, W) in [-1, 1]."""
    pixels = images.to_uint8(picture).transpose(1, 2, 0)
    axes.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
