"""The style of figures, in light and dark, and their files, PNG and SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from safe_files import replacing

COLOURS = {"torch": "#1f77b4", "jittor": "#ff7f0e"}
GREY, RED, GREEN, AMBER = "#808080", "#d62728", "#2ca02c", "#b8860b"
_TEXT_COLOURS = {"light": "#1c1c1c", "dark": "#dcdcdc"}


@dataclass(frozen=True)
class Picture:
    """A picture on the page.

    Attributes:
        name: of its files, without a suffix.
        alternative: description for readers who cannot see it.
        caption: one sentence that says what a reader should see.
        light, dark: data URLs.
    """

    name: str
    alternative: str
    caption: str
    light: str
    dark: str


def picture(
    name: str,
    draw: Callable[[], Figure],
    folder: Path,
    *,
    alternative: str,
    caption: str,
    pixels: bool = False,
) -> Picture:
    """Draw a figure in light and dark, and write it as `folder/name.png` and `.svg`.

    Args:
        name: of the files.
        draw: makes the figure with the current Matplotlib settings.
        folder: for the files.
        alternative: description for readers who cannot see the picture.
        caption: one sentence that says what a reader should see.
        pixels: embed it as PNG, for pictures that are made of pixels.
    """
    kind = "png" if pixels else "svg"
    with mpl.rc_context(_settings(_TEXT_COLOURS["light"])):
        figure = draw()
        # On white, since the background on which the files will be shown is unknown.
        files = {suffix: _bytes(figure, suffix, facecolor="white") for suffix in ("png", "svg")}
    with mpl.rc_context(_settings(_TEXT_COLOURS["dark"])):
        dark = _bytes(draw(), kind)
    for suffix, data in files.items():
        with replacing(folder / f"{name}.{suffix}", durable=False) as temporary:
            temporary.write_bytes(data)
    return Picture(name, alternative, caption, _address(files[kind], kind), _address(dark, kind))


def _settings(colour: str) -> Any:
    coloured = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(coloured, colour),
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "legend.framealpha": 0.0,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "grid.color": GREY,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 10,
        "svg.fonttype": "none",
        "svg.hashsalt": "ddpm-parity",
    }


def _bytes(figure: Figure, kind: str, **options: str) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=120, metadata=metadata, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def _address(data: bytes, kind: str) -> str:
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
