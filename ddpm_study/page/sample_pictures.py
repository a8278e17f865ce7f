"""Pictures of PyTorch's samples beside Jittor's, from the samples that a run left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from ddpm_study.page import image_grids
from ddpm_study.page.figure_style import Picture, picture
from ddpm_study.page.finished_run import Run


@dataclass(frozen=True)
class _Shown:
    """A picture of PyTorch's samples beside those of one of Jittor's stages."""

    name: str
    stage: str
    what: str  # of the samples
    draw: Callable[..., Figure]
    alternative: str
    caption: str


_SHOWN = (
    _Shown(
        "samples-same",
        "sample-same",
        "images",
        image_grids.grids,
        "Samples of PyTorch and of Jittor from the same weights, and their magnified difference",
        "The same weights and random numbers, each framework's own arithmetic.",
    ),
    _Shown(
        "denoising",
        "sample-same",
        "frames",
        image_grids.strips,
        "The way from noise to image in PyTorch and in Jittor, and the magnified difference",
        "From noise on the left to the image on the right, the same weights.",
    ),
    _Shown(
        "samples-own",
        "sample-jittor",
        "images",
        image_grids.grids,
        "Samples of PyTorch and of Jittor, each from the weights that it trained, and their"
        " magnified difference",
        "Each side from the weights that it trained itself.",
    ),
)


def sample_pictures(run: Run, folder: Path) -> list[Picture]:
    """Return what can be shown of a run; the pictures are written into `folder` as well."""
    torch = run.samples("sample-torch")
    return [
        picture(
            shown.name,
            partial(shown.draw, getattr(torch, shown.what), getattr(jittor, shown.what)),
            folder,
            alternative=shown.alternative,
            caption=shown.caption,
            pixels=True,
        )
        for shown in _SHOWN
        if torch is not None and (jittor := run.samples(shown.stage)) is not None
    ]
