"""Pictures of PyTorch's samples beside Jittor's, from the samples of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from ddpm_study.page import image_grids
from ddpm_study.page.figure_style import Picture, picture
from ddpm_study.page.finished_run import FinishedRun


@dataclass(frozen=True)
class _Shown:
    """A picture of PyTorch's samples beside those of one of Jittor's stages."""

    name: str
    stage: str
    attribute: str  # of the samples
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
        "Both frameworks sampled from the same weights with the same random numbers: the two grids"
        " should look the same, and only the magnified difference on the right shows rounding.",
    ),
    _Shown(
        "denoising",
        "sample-same",
        "frames",
        image_grids.strips,
        "Denoising from noise to image in PyTorch and in Jittor, and the magnified difference",
        "From noise on the left to the image on the right, from the same weights: both strips"
        " should look the same at every timestep.",
    ),
    _Shown(
        "samples-own",
        "sample-jittor",
        "images",
        image_grids.grids,
        "Samples of PyTorch and of Jittor, each from the weights that it trained, and their"
        " magnified difference",
        "Each framework sampled from the weights that it trained itself: the images may differ in"
        " places, as rounding drives two trainings apart, but should be of the same quality.",
    ),
)


def sample_pictures(run: FinishedRun, folder: Path) -> list[Picture]:
    """Return the pictures of a run's samples; they are written into `folder` as well."""
    torch = run.samples("sample-torch")
    return [
        picture(
            shown.name,
            partial(shown.draw, getattr(torch, shown.attribute), getattr(jittor, shown.attribute)),
            folder,
            alternative=shown.alternative,
            caption=shown.caption,
            pixels=True,
        )
        for shown in _SHOWN
        if torch is not None and (jittor := run.samples(shown.stage)) is not None
    ]
