"""Faults of resizing: mode, corners, order."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F

from audit.case import BOTH, mutant
from audit.correct_pairs import UPSAMPLE
from audit.edits import functional, replace_call
from audit.layer_zoo import LAYERS
from audit.lazy_jittor import jt

MODE = "Jittor 1.3.11 nn.py: interpolate is bilinear by default, torch's is nearest"
CORNERS = "Odena et al. 2016 and torch.nn.functional.interpolate's note on align_corners"


@mutant(UPSAMPLE, "torch", "", "forward", MODE, visible=lambda c: c.is_spatial)
def bilinear_for_nearest(module: Any) -> None:
    """Upsampling bilinear."""
    module.forward = lambda x: module.conv(F.interpolate(x, scale_factor=2, mode="bilinear"))


@mutant(UPSAMPLE, "jittor", "", "forward", MODE, visible=lambda c: c.is_spatial)
def mode_left_at_jittors_default(module: Any) -> None:
    """Upsampling in Jittor's default mode."""
    module.execute = lambda x: module.conv(jt.nn.interpolate(x, scale_factor=2))


@mutant(UPSAMPLE, "torch", "", "forward", MODE, visible=lambda c: c.is_spatial)
def resized_after_the_convolution(module: Any) -> None:
    """The convolution before the upsampling."""
    module.forward = lambda x: F.interpolate(module.conv(x), scale_factor=2, mode="nearest")


@mutant(LAYERS, BOTH, "resize", "forward", CORNERS)
def corners_aligned(model: Any) -> None:
    """Bilinear with align_corners."""
    interpolate = functional(model).interpolate
    replace_call(
        model.resize,
        lambda x: interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    )


@mutant(LAYERS, "jittor", "resize", "forward", MODE)
def nearest_for_bilinear(model: Any) -> None:
    """Nearest where bilinear is meant."""
    model.resize.execute = lambda x: jt.nn.interpolate(x, scale_factor=2, mode="nearest")
