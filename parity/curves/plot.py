"""Draws two loss curves, the spread of further runs, and the difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from parity.curves.comparing import CurveComparison
from parity.errors import CannotCompare, MissingPackage
from safe_files import replacing

_COLOUR_A, _COLOUR_B, _COLOUR_BAND = "#1f5fa8", "#c8501e", "#9db8d6"


def require_matplotlib() -> None:
    """Require the package that draws.

    Raises:
        CannotCompare: it is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingPackage("--plot needs matplotlib; pip install 'ddpm-parity[plots]'") from None


def draw(path: Path, names: tuple[str, str], comparison: CurveComparison) -> None:
    """Draw both curves, the range of A's runs as a band, and B minus A below.

    Args:
        path: of a PNG, or of another format that its suffix names.
        names: of A and B.
        comparison: of their curves.

    Raises:
        CannotCompare: matplotlib is missing, or does not know the format.
        CannotWrite: the file cannot be written.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    steps, count = comparison.steps, comparison.count
    of_a, b = comparison.runs[:count], comparison.runs[count]
    figure = Figure(figsize=(7.5, 5.5), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    if count > 1:
        label = f"{count} runs of A, from least to largest"
        top.fill_between(steps, of_a.min(0), of_a.max(0), color=_COLOUR_BAND, label=label, lw=0)
        low, high = of_a.min(0) - of_a[0], of_a.max(0) - of_a[0]
        bottom.fill_between(steps, low, high, color=_COLOUR_BAND, lw=0)
    mark = "." if steps.size == 1 else ""
    top.plot(steps, of_a[0], color=_COLOUR_A, lw=1.2, marker=mark, label=f"A: {names[0]}")
    top.plot(steps, b, color=_COLOUR_B, lw=1.2, ls="--", marker=mark, label=f"B: {names[1]}")
    if np.all(comparison.runs > 0) and comparison.runs.max() > 20 * comparison.runs.min():
        top.set_yscale("log")
    top.set_ylabel("loss")
    top.set_title(comparison.verdict, loc="left", fontsize=11)
    top.legend(frameon=False, fontsize=9)
    bottom.axhline(0, color=_COLOUR_A, lw=0.8)
    bottom.plot(steps, b - of_a[0], color=_COLOUR_B, lw=1.0, marker=mark)
    bottom.set_ylabel("B − A")
    bottom.set_xlabel("step")
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        try:
            figure.savefig(temporary, dpi=120)
        except ValueError as error:
            raise CannotCompare(f"--plot {path}: {str(error).splitlines()[0]}") from None
