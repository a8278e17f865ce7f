"""The stages that sample, and the one that compares the samples.

Each framework samples from its own weights, and Jittor from PyTorch's as well.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ddpm import images, sampling
from ddpm.checkpoint import Checkpoint
from ddpm.sampling import STRIP, SamplingOutcome
from ddpm_study.agreement import pixel_agreement, relative_difference
from ddpm_study.run.stage import Context
from implementations import FRAMEWORKS, TITLES, chain


def sample(context: Context, framework: str, weights: str) -> dict[str, Any]:
    """Sample with one framework from the weights that a framework trained."""
    subfolder = framework if framework == weights else f"{framework}-from-{weights}"
    return draw(context, subfolder, framework, context.last_checkpoint(f"train-{weights}"))


def draw(
    context: Context, subfolder: str, framework: str, final: Checkpoint, *, pictures: bool = True
) -> dict[str, Any]:
    """Draw the run's images from a checkpoint's averaged weights, into a subfolder of the run."""
    seed = final.config.train.seed
    options = {
        "num_samples": context.scale.samples,
        "batch_size": context.scale.sample_batch,
        "seed": seed,
    }
    final = replace(final, config=final.config.with_(sample=options))
    folder = context.folder.path / subfolder
    label = f"sample {TITLES[framework]}"
    outcome = sampling.sample(
        chain(framework, final, context.device),
        final.config,
        label=label if seed == context.config.train.seed else f"{label}, seed {seed}",
        parts=folder / "parts",
    )
    SamplingOutcome(outcome.images, {t: x[:STRIP] for t, x in outcome.frames.items()}).save(
        samples_path(context, subfolder)
    )
    if pictures:
        sampling.save_pictures(outcome, folder / "samples")
    shutil.rmtree(folder / "parts")
    return {"framework": framework, "samples": str(Path(subfolder) / "samples.npz")}


def samples_path(context: Context, subfolder: str) -> Path:
    """Return the path of a sampling stage's images."""
    return context.folder.path / subfolder / "samples.npz"


def compare(context: Context) -> dict[str, Any]:
    """Compare the sampled images pixel by pixel."""
    own = {f: SamplingOutcome.load(samples_path(context, f)).images for f in FRAMEWORKS}
    same = SamplingOutcome.load(samples_path(context, "jittor-from-torch")).images
    return {
        "same_weights": agreement_of_images(own["torch"], same),
        "own_weights": agreement_of_images(own["torch"], own["jittor"]),
    }


def agreement_of_images(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Compare two sets of images (N, C, H, W) in [-1, 1], as they are and as 8-bit pixels."""
    pixels = pixel_agreement(images.to_uint8(a), images.to_uint8(b))
    return {
        **asdict(pixels),
        "images": len(a),
        "relative_difference": relative_difference(a, b),
    }
