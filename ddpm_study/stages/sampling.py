"""Stages that sample: each side from its own weights, Jittor from PyTorch's too; and compare."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ddpm import images, sampling
from ddpm.checkpoint import Checkpoint
from ddpm.sampling import STRIP, SamplingOutcome
from ddpm_study.agreement import pixel_agreement, relative_gap
from ddpm_study.stage import Context
from implementations import FRAMEWORKS, TITLES, chain


def draw(
    context: Context, place: str, framework: str, final: Checkpoint, *, pictures: bool = True
) -> dict[str, Any]:
    """Draw the run's images from a checkpoint's averaged weights, into the folder `place`."""
    final.config = final.config.with_(
        sample={
            "num_samples": context.scale.samples,
            "batch_size": context.scale.sample_batch,
            "seed": final.config.train.seed,
        }
    )
    folder, seed = context.folder.path / place, final.config.train.seed
    label = f"sample {TITLES[framework]}"
    outcome = sampling.sample(
        chain(framework, final, context.device),
        final.config,
        label=label if seed == context.config.train.seed else f"{label}, seed {seed}",
        parts=folder / "parts",
    )
    SamplingOutcome(outcome.images, {t: x[:STRIP] for t, x in outcome.frames.items()}).save(
        samples_path(context, place)
    )
    if pictures:
        sampling.save_pictures(outcome, folder / "samples")
    shutil.rmtree(folder / "parts")
    return {"framework": framework, "samples": str(Path(place) / "samples.npz")}


def samples_path(context: Context, place: str) -> Path:
    """Return where the images of a sampling stage lie."""
    return context.folder.path / place / "samples.npz"


def compare(context: Context) -> dict[str, Any]:
    """Compare the images that were drawn, pixel by pixel."""
    own = {f: SamplingOutcome.load(samples_path(context, f)).images for f in FRAMEWORKS}
    same = SamplingOutcome.load(samples_path(context, "jittor-from-torch")).images
    return {
        "same": agreement_of_images(own["torch"], same),
        "own": agreement_of_images(own["torch"], own["jittor"]),
    }


def agreement_of_images(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Compare two sets of images (N, C, H, W) in [-1, 1], as they are and as 8-bit pixels."""
    pixels = pixel_agreement(images.to_uint8(a), images.to_uint8(b))
    return {**asdict(pixels), "images": len(a), "gap": relative_gap(a, b)}
