"""The rules of a checkpoint, most of them checked from its header before a tensor is read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ddpm.checkpoints.image_digest import ImageDigest
from ddpm.checkpoints.parameter_shapes import parameter_shapes
from ddpm.config import RunConfig
from ddpm.errors import InputError
from ddpm.validation import is_integer

Layout = Mapping[str, tuple[str, tuple[int, ...]]]  # name -> dtype and shape

GROUPS = ("weights", "ema", "exp_avg", "exp_avg_sq")
_MOMENTS = ("exp_avg", "exp_avg_sq")
_DTYPE = "float32"


def require_fields(
    *,
    framework: object,
    dataset: object,
    epoch: object,
    step: object,
    images: ImageDigest | None,
    batch_size: int,
    where: str,
) -> None:
    """Require fields other than tensors that one run can have had.

    Raises:
        InputError: one cannot be.
    """

    def require(holds: bool, problem: str) -> None:
        if not holds:
            raise InputError(f"{where}: {problem}; take another checkpoint")

    require(framework in ("torch", "jittor"), f"framework is {framework!r}, not torch or jittor")
    require(_is_name(dataset), f"dataset is {dataset!r:.80}, which is no part of a file's name")
    for name, value in (("epoch", epoch), ("step", step)):
        require(_is_count(value), f"{name} is {value!r:.80}, no count")
    assert isinstance(epoch, int)
    assert isinstance(step, int)
    require(epoch <= step, f"epoch {epoch} cannot have been reached in {step} steps")
    if images is not None:
        per_epoch = images.count // batch_size
        fit = per_epoch > 0 and step // per_epoch == epoch
        of_images = f"of {images.count} images in batches of {batch_size}"
        require(fit, f"step {step} is not in epoch {epoch} {of_images}")


def _is_name(value: object) -> bool:
    """Tell whether a value can be part of a file's name and cannot lead out of its folder."""
    if not isinstance(value, str) or value in (".", ".."):
        return False
    return 0 < len(value) <= 200 and value.isprintable() and not set(value) & set("/\\")


def _is_count(value: object) -> bool:
    return is_integer(value) and 0 <= value < 2**63


def require_layout(layout: Mapping[str, Layout], config: RunConfig, step: int, where: str) -> None:
    """Require in each group the parameters of the configured U-Net, by name, shape and dtype.

    A run that has taken no step may lack Adam's moments, which are then zero.

    Args:
        layout: group -> name -> dtype and shape.
        config: of the run.
        step: optimizer steps done.
        where: the file, for the message.

    Raises:
        InputError: the first tensor that is missing, not known, or of another shape or dtype.
    """
    shapes = parameter_shapes(config.unet)
    for group in layout:
        if group not in GROUPS:
            raise InputError(
                f"{where}: it has tensors in {group!r:.80}, which is not one of"
                f" {', '.join(GROUPS)}; take another checkpoint"
            )
    may_lack = step == 0 and not any(layout.get(group) for group in _MOMENTS)
    for group in GROUPS if not may_lack else GROUPS[:2]:
        tensors = layout.get(group, {})
        for name in [*shapes, *tensors]:
            dtype, shape = tensors.get(name, (_DTYPE, None))
            if name in shapes and shape == shapes[name] and dtype == _DTYPE:
                continue
            expected = f"{_DTYPE} {shapes[name]}" if name in shapes else "no such parameter"
            actual = "missing" if shape is None else f"{dtype} {shape}"
            raise InputError(
                f"{where}: {name[:120]} in {group} is {actual}, and its configuration has"
                f" {expected}; take another checkpoint"
            )


def require_finite(tensors: Mapping[str, Mapping[str, np.ndarray]], where: str) -> None:
    """Require finite numbers, and second moments that are not negative.

    Raises:
        InputError: the first tensor that has another.
    """
    for group, arrays in tensors.items():
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                problem = "NaN or an infinity"
            elif group == "exp_avg_sq" and array.size and array.min() < 0:
                problem = "a negative number, and holds squares"
            else:
                continue
            raise InputError(f"{where}: {name} in {group} has {problem}; take another checkpoint")
